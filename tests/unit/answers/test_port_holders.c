// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_holders.h"

#include <unistd.h>

#include "exporter/answers/port_words.h"
#include "port_wording.h"
#include "unit.h"

static void holders_are_told_as_far_as_known(void **state)
{
	static const char *const names[] = {"found", "unknown", "elsewhere", "none"};
	struct holding list[] = {{60, 9, 3}, {70, 12, 3}, {70, 12, 4}};
	struct process_search processes = {
	    .holdings = {.length = LENGTH(list), .list = list}, .whole = true};
	struct port_socket found =
	    make(PORT_ROLE_LISTENER, SOCKET_TCP, SOCKET_LISTEN, "127.0.0.1", 50001);

	(void)state;
	for (int i = PORT_HOLDERS_FOUND; i <= PORT_HOLDERS_NONE; i++)
		assert_string_equal(port_holders_name((enum port_holders)i), names[i]);
	/* Nobody was looked for. */
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_UNKNOWN);
	assert_false(port_holders_complete(&lookup));
	lookup.processes = &processes;
	assert_true(port_holders_complete(&lookup));
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_ELSEWHERE);
	found.socket.inode = 70;
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_FOUND);
	found.socket.inode = 0;
	assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_NONE);
	for (int i = 0; i < 4; i++) {
		processes.whole = i != 0;
		processes.holdings.unreadable = i == 1;
		processes.holdings.truncated = i == 2;
		processes.holdings.late = i == 3;
		assert_false(port_holders_complete(&lookup));
		found.socket.inode = 71;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_UNKNOWN);
		found.socket.inode = 60;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_FOUND);
		found.socket.inode = 0;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_NONE);
	}
}

static void a_process_of_ones_own_may_hide(void **state)
{
	struct process_search processes = {.whole = true, .holdings = {.unreadable = 1}};
	struct port_socket found =
	    make(PORT_ROLE_LISTENER, SOCKET_TCP, SOCKET_LISTEN, "127.0.0.1", 50001);

	(void)state;
	found.socket.inode = 70;
	found.socket.uid = geteuid();
	/* Nobody was looked for. */
	lookup.processes = NULL;
	assert_false(port_holders_hide(&lookup, &found));
	lookup.processes = &processes;
	assert_true(port_holders_hide(&lookup, &found));
	found.socket.uid++;
	assert_false(port_holders_hide(&lookup, &found));
	found.socket.uid--;
	found.inode_is_unknown = true;
	assert_false(port_holders_hide(&lookup, &found));
	found.inode_is_unknown = false;
	processes.holdings.late = 1;
	assert_false(port_holders_hide(&lookup, &found));
	processes.holdings.late = 0;
	processes.holdings.unreadable = 0;
	assert_false(port_holders_hide(&lookup, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(holders_are_told_as_far_as_known),
	    TEST(a_process_of_ones_own_may_hide),
	};

	return cmocka_run_group_tests_name("port_holders", tests, NULL, NULL);
}
