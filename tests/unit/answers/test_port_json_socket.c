// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_json.h"

#include <net/if.h>
#include <stdio.h>

#include "collect.h"
#include "exporter/base/utf8.h"
#include "parsed_port.h"
#include "unit.h"

static void what_is_unknown_is_left_out(void **state)
{
	struct port_socket found = connection();
	const cJSON *socket;

	(void)state;
	socket = parse_socket(&found);
	assert_no_member(socket, "port_chosen");
	assert_no_member(socket, "interface");
	assert_no_member(socket, "ipv6_only");
	assert_no_member(socket, "age_seconds");
	assert_no_member(socket, "expires_seconds");
	assert_no_member(socket, "reusable");
	assert_no_member(socket, "accept_queue");
	assert_no_member(socket, "accept_queue_limit");
	assert_no_member(socket, "cgroup");
	assert_no_member(socket, "pod_uid");
	assert_no_member(socket, "container_id");
	assert_member(socket, "holders", "unknown");
	assert_true(cJSON_IsFalse(member(socket, "holders_complete")));
	assert_member(socket, "holders_incomplete", "not_told");
	assert_int_equal(cJSON_GetArraySize(member(socket, "processes")), 0);
	/* A user without a name is still a number. */
	found.socket.uid = 4294967294u;
	socket = parse_socket(&found);
	assert_number(member(socket, "uid")->valuedouble, 4294967294.0);
	assert_no_member(socket, "user");
}

/* The kernel says root and 0 of a socket that no process has open. */
static void without_an_inode_there_is_no_user(void **state)
{
	struct port_socket found = connection();
	const cJSON *socket;

	(void)state;
	found.socket.inode = 0;
	found.socket.uid = 0;
	socket = parse_socket(&found);
	assert_no_member(socket, "inode");
	assert_no_member(socket, "uid");
	assert_no_member(socket, "user");
	assert_member(socket, "holders", "none");
	assert_true(cJSON_IsTrue(member(socket, "holders_complete")));
	assert_no_member(socket, "holders_incomplete");
}

static void who_chose_the_port_is_told_where_known(void **state)
{
	struct port_socket found = connection();

	(void)state;
	found.chosen = CHOSEN_YES;
	assert_true(cJSON_IsTrue(member(parse_socket(&found), "port_chosen")));
	found.chosen = CHOSEN_NO;
	assert_true(cJSON_IsFalse(member(parse_socket(&found), "port_chosen")));
}

static void timers_are_told_in_seconds(void **state)
{
	struct port_socket found = connection();
	const cJSON *socket;

	(void)state;
	found.socket.state = SOCKET_TIME_WAIT;
	found.socket.expires_ms = 43200;
	socket = parse_socket(&found);
	assert_number(member(socket, "age_seconds")->valuedouble, 16.8);
	assert_number(member(socket, "expires_seconds")->valuedouble, 43.2);
	assert_true(cJSON_IsFalse(member(socket, "reusable")));
	found.reusable = true;
	found.socket.expires_ms = 0;
	socket = parse_socket(&found);
	assert_number(member(socket, "age_seconds")->valuedouble, 60);
	assert_number(member(socket, "expires_seconds")->valuedouble, 0);
	assert_true(cJSON_IsTrue(member(socket, "reusable")));
	/* A clock that is a tick behind, and a timer that is none. */
	found.socket.expires_ms = 60001;
	assert_number(member(parse_socket(&found), "age_seconds")->valuedouble, 0);
	found.socket.expires_ms = UINT32_MAX;
	assert_number(member(parse_socket(&found), "age_seconds")->valuedouble, 0);
	found.reusable = false;
	found.socket.state = SOCKET_FIN_WAIT2;
	found.socket.expires_ms = 1500;
	socket = parse_socket(&found);
	assert_number(member(socket, "expires_seconds")->valuedouble, 1.5);
	assert_no_member(socket, "age_seconds");
	assert_no_member(socket, "reusable");
}

static void a_listener_has_a_queue(void **state)
{
	struct port_socket found = connection();
	const cJSON *socket;

	(void)state;
	found.role = PORT_ROLE_LISTENER;
	found.socket.state = SOCKET_LISTEN;
	found.socket.queue = 3;
	found.socket.queue_limit = 4096;
	socket = parse_socket(&found);
	assert_number(member(socket, "accept_queue")->valuedouble, 3);
	assert_number(member(socket, "accept_queue_limit")->valuedouble, 4096);
	found.socket.queue_limit = SOCKET_QUEUE_LIMIT_UNKNOWN;
	socket = parse_socket(&found);
	assert_number(member(socket, "accept_queue")->valuedouble, 3);
	assert_no_member(socket, "accept_queue_limit");
}

static void addresses_have_zones_and_no_brackets(void **state)
{
	struct port_socket found = connection();
	char name[IF_NAMESIZE];
	char wanted[IF_NAMESIZE + 16];
	const cJSON *socket;

	(void)state;
	/* Index 1 is lo's in every namespace. */
	assert_non_null(if_indextoname(1, name));
	found.socket = make_socket(SOCKET_LISTEN, "fe80::1", 50001, "::", 0);
	found.socket.interface = 1;
	found.socket.ipv6_only = true;
	socket = parse_socket(&found);
	snprintf(wanted, sizeof(wanted), "fe80::1%%%s", name);
	assert_member(socket, "family", "ipv6");
	assert_member(socket, "local_address", wanted);
	assert_member(socket, "remote_address", "::");
	assert_number(member(socket, "remote_port")->valuedouble, 0);
	assert_member(socket, "interface", name);
	assert_true(cJSON_IsTrue(member(socket, "ipv6_only")));
	/* An interface that is gone has no name. */
	found.socket.interface = 4294967295u;
	socket = parse_socket(&found);
	assert_member(socket, "local_address", "fe80::1%4294967295");
	assert_no_member(socket, "interface");
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void pods_and_containers_are_named(void **state)
{
	struct port_socket found = connection();
	const cJSON *socket;

	(void)state;
	found.cgroup = "/kubepods.slice/kubepods-burstable.slice/"
		       "kubepods-burstable-pod12345678_1234_1234_1234_123456789abc.slice/"
		       "cri-containerd-" CONTAINER ".scope";
	socket = parse_socket(&found);
	assert_member(socket, "cgroup", found.cgroup);
	assert_member(socket, "pod_uid", "12345678-1234-1234-1234-123456789abc");
	assert_member(socket, "container_id", CONTAINER);
}

/* What others chose to be called must neither end a string nor be no UTF-8. */
static void hostile_names_stay_inside_their_strings(void **state)
{
	static const struct {
		const char *raw;
		const char *wanted;
	} names[] = {
	    {"\"},{\"pid\":1", "\"},{\"pid\":1"},
	    {"\\", "\\"},
	    {"a\\\"b", "a\\\"b"},
	    {"\x01\x1b[2J\n\r\t\x1f", "\x01\x1b[2J\n\r\t\x1f"},
	    {"\xff\xfe", UTF8_REPLACEMENT UTF8_REPLACEMENT},
	    {"\xc3", UTF8_REPLACEMENT},
	    {"\xe2\x82", UTF8_REPLACEMENT UTF8_REPLACEMENT},
	    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	    {"\xed\xa0\x80", UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT},
	    {"\xc0\xaf", UTF8_REPLACEMENT UTF8_REPLACEMENT},
	    {"</script><!--", "</script><!--"},
	    {"", ""},
	};
	struct holding list[] = {{4711, 12, 3}};
	struct process process = {.pid = 12};
	struct process_search processes = {
	    .processes_length = 1,
	    .processes = &process,
	    .holdings = {.length = 1, .list = list},
	};
	struct port_socket found = connection();

	(void)state;
	lookup.processes = &processes;
	found.socket.uid = 1001;
	for (size_t i = 0; i < LENGTH(names); i++) {
		const cJSON *socket;
		const cJSON *item;

		snprintf(process.name, sizeof(process.name), "%s", names[i].raw);
		process.command = (char *)(uintptr_t)names[i].raw;
		found.cgroup = names[i].raw;
		socket = parse_socket(&found);
		item = cJSON_GetArrayItem(member(socket, "processes"), 0);
		assert_int_equal(cJSON_GetArraySize(member(socket, "processes")), 1);
		assert_member(item, "name", names[i].wanted);
		assert_member(item, "command", names[i].wanted);
		assert_member(socket, "cgroup", names[i].wanted);
		assert_member(socket, "user", UTF8_REPLACEMENT "\x1b[2J");
		assert_int_equal(cJSON_GetArraySize(item), 4);
		assert_member(socket, "holders", "found");
		/* Only the cgroup's processes were looked at. */
		assert_true(cJSON_IsFalse(member(socket, "holders_complete")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_unknown_is_left_out),
	    TEST(without_an_inode_there_is_no_user),
	    TEST(who_chose_the_port_is_told_where_known),
	    TEST(timers_are_told_in_seconds),
	    TEST(a_listener_has_a_queue),
	    TEST(addresses_have_zones_and_no_brackets),
	    TEST(pods_and_containers_are_named),
	    TEST(hostile_names_stay_inside_their_strings),
	};

	return cmocka_run_group_tests_name("port_json_socket", tests, NULL, NULL);
}
