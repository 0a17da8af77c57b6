// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_holders.h"

#include <unistd.h>

#include "exporter/answers/port_words.h"
#include "port_wording.h"
#include "unit.h"

static void assert_gap(const struct port_socket *found, const char *wanted)
{
	const char *name = port_holders_gap_name(port_holders_gap(&lookup, found));

	if (wanted)
		assert_string_equal(name, wanted);
	else
		assert_null(name);
}

static void holders_are_told_as_far_as_known(void **state)
{
	static const char *const names[] = {"found", "unknown", "elsewhere", "none"};
	static const char *const gaps[] = {
	    "other_cgroups", "not_readable", "too_many", "out_of_time"};
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
	assert_gap(&found, "not_told");
	lookup.processes = &processes;
	assert_gap(&found, NULL);
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
		found.socket.inode = 71;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_UNKNOWN);
		assert_gap(&found, gaps[i]);
		found.socket.inode = 60;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_FOUND);
		assert_gap(&found, gaps[i]);
		found.socket.inode = 0;
		assert_int_equal(port_holders_of(&lookup, &found), PORT_HOLDERS_NONE);
		assert_gap(&found, NULL);
	}
}

/* That a process may not be read is said only if that is all that is wrong. */
static void the_end_of_the_time_comes_before_what_may_not_be_read(void **state)
{
	struct process_search processes = {.holdings = {.unreadable = 2, .late = true}};
	struct port_socket found =
	    make(PORT_ROLE_LISTENER, SOCKET_TCP, SOCKET_LISTEN, "127.0.0.1", 50001);

	(void)state;
	lookup.processes = &processes;
	found.socket.inode = 70;
	assert_gap(&found, "out_of_time");
	processes.holdings.late = false;
	assert_gap(&found, "not_readable");
	found.inode_is_unknown = true;
	assert_gap(&found, "not_told");
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
	    TEST(the_end_of_the_time_comes_before_what_may_not_be_read),
	    TEST(a_process_of_ones_own_may_hide),
	};

	return cmocka_run_group_tests_name("port_holders", tests, NULL, NULL);
}
