// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "collectors/kernel/walk.h"
#include "unit.h"

#define TICK_NS 4000000u

static struct socket found;

static int decode(enum walk_table table, const struct walk_record *record)
{
	memset(&found, 0xa5, sizeof(found));
	return walk_decode(table, record, TICK_NS, &found);
}

static void a_connection_has_both_ends(void **state)
{
	const struct walk_record record = {.local = {htonl(0x7f000001)},
	    .remote = {htonl(0x0a000001)},
	    .local_port = 40000,
	    .remote_port = 443,
	    .state = SOCKET_ESTABLISHED,
	    .interface = 3,
	    .cgroup_id = 77,
	    .namespace_id = 4026531840u,
	    .flags = WALK_CHOSEN | WALK_AGED,
	    .value = 1500,
	    .other = 50010u << 16 | 50000u};

	(void)state;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_int_equal(found.protocol, SOCKET_TCP);
	assert_int_equal(found.family, SOCKET_IPV4);
	assert_int_equal(found.state, SOCKET_ESTABLISHED);
	assert_int_equal(found.local_port, 40000);
	assert_int_equal(found.remote_port, 443);
	assert_memory_equal(found.local.bytes, "\x7f\0\0\1", 4);
	assert_memory_equal(found.remote.bytes, "\x0a\0\0\1", 4);
	assert_int_equal(found.interface, 3);
	assert_int_equal(found.cgroup_id, 77);
	assert_int_equal(found.namespace_id, 4026531840u);
	assert_true(found.tells_chosen && found.is_chosen);
	assert_true(found.tells_age);
	assert_int_equal(found.age_ms, 1500);
	assert_int_equal(found.own_first_port, 50000);
	assert_int_equal(found.own_last_port, 50010);
	assert_false(found.tells_timestamps);
	assert_int_equal(found.expires_ms, 0);
}

static void a_mapped_one_is_ipv4(void **state)
{
	const struct walk_record record = {.local = {0, 0, htonl(0xffff), htonl(0x7f000001)},
	    .remote = {0, 0, htonl(0xffff), htonl(0x7f000002)},
	    .state = SOCKET_ESTABLISHED,
	    .flags = WALK_IPV6};

	(void)state;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_int_equal(found.family, SOCKET_IPV4);
	assert_memory_equal(found.remote.bytes, "\x7f\0\0\2", 4);
	assert_true(found.tells_ipv6_only);
	assert_false(found.ipv6_only);
	assert_false(found.tells_age);
}

static void time_wait_tells_its_timer_and_its_timestamps(void **state)
{
	struct walk_record record = {
	    .state = SOCKET_TIME_WAIT, .flags = WALK_TIMER | WALK_STAMPED, .value = 250};

	(void)state;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_int_equal(found.expires_ms, 1000);
	assert_true(found.tells_timestamps && found.has_timestamps);
	assert_false(found.is_abandoned);
	assert_false(found.tells_chosen);
	assert_false(found.tells_age);
	/* It ran out a moment ago. */
	record.value = (__u32)-3;
	record.flags = WALK_TIMER;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_int_equal(found.expires_ms, 0);
	assert_true(found.tells_timestamps);
	assert_false(found.has_timestamps);
	/* So does FIN_WAIT2 without a socket. */
	record.state = SOCKET_FIN_WAIT2;
	record.value = 15000;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_int_equal(found.expires_ms, 60000);
	assert_false(found.tells_chosen);
	assert_true(found.is_abandoned);
}

static void a_socket_without_a_file_is_abandoned(void **state)
{
	struct walk_record record = {.state = SOCKET_FIN_WAIT1};

	(void)state;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_false(found.is_abandoned);
	record.flags = WALK_ABANDONED;
	assert_result(decode(WALK_CONNECTED, &record), 0);
	assert_true(found.is_abandoned);
}

static void the_other_tables_have_their_own(void **state)
{
	struct walk_record record = {
	    .state = SOCKET_LISTEN, .flags = WALK_IPV6 | WALK_IPV6_ONLY, .value = 4, .other = 128};

	(void)state;
	assert_result(decode(WALK_LISTENERS, &record), 0);
	assert_int_equal(found.queue, 4);
	assert_int_equal(found.queue_limit, 128);
	assert_true(found.ipv6_only);
	assert_false(found.is_chosen);
	/* The kernel says CLOSE. */
	record.state = SOCKET_CLOSE;
	assert_result(decode(WALK_BINDS, &record), 0);
	assert_int_equal(found.state, SOCKET_BOUND);
	assert_int_equal(found.inode, 4);
	assert_int_equal(found.uid, 128);
	assert_result(decode(WALK_UDP, &record), 0);
	assert_int_equal(found.protocol, SOCKET_UDP);
	assert_int_equal(found.state, SOCKET_CLOSE);
	assert_int_equal(found.inode, 4);
}

static void what_is_no_state_is_refused(void **state)
{
	struct walk_record record = {.state = 0};

	(void)state;
	for (int table = 0; table < WALK_TABLES; table++) {
		record.state = 0;
		assert_result(decode((enum walk_table)table, &record), -EBADMSG);
		record.state = SOCKET_STATES;
		assert_result(decode((enum walk_table)table, &record), -EBADMSG);
		record.state = 255;
		assert_result(decode((enum walk_table)table, &record), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_has_both_ends),
	    cmocka_unit_test(a_mapped_one_is_ipv4),
	    cmocka_unit_test(time_wait_tells_its_timer_and_its_timestamps),
	    cmocka_unit_test(a_socket_without_a_file_is_abandoned),
	    cmocka_unit_test(the_other_tables_have_their_own),
	    cmocka_unit_test(what_is_no_state_is_refused),
	};

	return cmocka_run_group_tests_name("walk_decode", tests, NULL, NULL);
}
