// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_json.h"

#include <cjson/cJSON.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "exporter/base/utf8.h"
#include "unit.h"

static struct port_lookup lookup;
static cJSON *parsed;

static int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	lookup.settings.range = (struct port_range){50000, 50009};
	lookup.settings.unprivileged_first_port = 1024;
	portset_add(&lookup.settings.reserved, 50004);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cJSON_Delete(parsed);
	parsed = NULL;
	return 0;
}

/* The text of an answer; the caller frees it. */
static char *print(const struct port_answer *answer, size_t limit)
{
	struct json *object = json_new_object();
	char *text;

	port_json_add(object, &lookup, answer, limit);
	text = json_print(object);
	json_free(object);
	assert_non_null(text);
	return text;
}

/* What the text says, read back by another parser than what wrote it would do by hand. */
static const cJSON *parse(const struct port_answer *answer, size_t limit)
{
	const char *end = NULL;
	char *text = print(answer, limit);

	cJSON_Delete(parsed);
	parsed = cJSON_ParseWithOpts(text, &end, 1);
	assert_non_null(parsed);
	/* On one line, of valid UTF-8, with no control character left. */
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
	for (const char *at = text; *at; at += utf8_length(at))
		assert_true(utf8_length(at) > 0);
	free(text);
	return parsed;
}

static const cJSON *member(const cJSON *object, const char *key)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!found)
		fail_msg("%s is missing", key);
	return found;
}

static void assert_member(const cJSON *object, const char *key, const char *wanted)
{
	const cJSON *found = member(object, key);

	if (!cJSON_IsString(found) || strcmp(found->valuestring, wanted) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", key, found->valuestring, wanted);
}

static void assert_no_member(const cJSON *object, const char *key)
{
	if (cJSON_GetObjectItemCaseSensitive(object, key))
		fail_msg("%s is there", key);
}

/* The first socket of the local side. */
static const cJSON *first_socket(const cJSON *answer)
{
	return cJSON_GetArrayItem(member(member(answer, "local"), "sockets"), 0);
}

/* One socket on its local port, parsed. */
static const cJSON *parse_socket(struct port_socket *found)
{
	const struct port_answer answer = {
	    .port = found->socket.local_port,
	    .state = PORT_STATE_OUTBOUND,
	    .local = {.total = 1, .length = 1, .list = found},
	};

	return first_socket(parse(&answer, 20));
}

static struct port_socket connection(void)
{
	struct port_socket found = {.role = PORT_ROLE_OUTBOUND};

	found.socket = make_socket(SOCKET_ESTABLISHED, "192.0.2.1", 50001, "198.51.100.7", 443);
	found.socket.inode = 4711;
	found.socket.uid = 1000;
	return found;
}

static void a_range_is_three_numbers(void **state)
{
	struct json *object = json_new_object();
	char *text;

	(void)state;
	port_json_add_range(object, (struct port_range){32768, 60999});
	text = json_print(object);
	assert_string_equal(text, "{\"first_port\":32768,\"last_port\":60999,\"ports\":28232}");
	free(text);
	json_free(object);
}

static void a_free_port_is_exact_to_the_byte(void **state)
{
	const struct port_answer answer = {.port = 50000};
	char *text = print(&answer, 20);

	(void)state;
	assert_string_equal(text,
	    "{\"port\":50000,\"kind\":\"dynamic\",\"services\":{},\"in_range\":true,"
	    "\"reserved\":false,\"privileged\":false,\"use\":\"free\",\"bind_before_connect\":"
	    "false,"
	    "\"meaning\":\"Port 50000 is a dynamic port (49152-65535): no service is assigned to "
	    "it. It is inside this host's ephemeral range (50000-50009). Nothing is on it. The "
	    "next connect() to a destination without connections takes it with a chance of about "
	    "1 in 5; bind() to port 0 prefers the ports beside it.\","
	    "\"chances\":{\"connect\":0.2,\"bind\":0},"
	    "\"local\":{\"total\":0,\"sockets\":[]},\"remote\":{\"total\":0,\"sockets\":[]}}");
	free(text);
}

static void a_connection_is_exact_to_the_byte(void **state)
{
	struct holding list[] = {{4711, 12, 3}, {4711, 12, 7}, {4711, 300, 5}};
	struct process names[] = {
	    {12, "nginx", (char *)(uintptr_t) "nginx: master process"}, {300, "nginx", NULL}};
	struct process_search processes = {
	    .processes_length = LENGTH(names),
	    .processes = names,
	    .holdings = {.length = LENGTH(list), .list = list},
	    .whole = true,
	};
	struct port_socket found = connection();
	const struct port_answer answer = {
	    .port = 50001,
	    .state = PORT_STATE_OUTBOUND,
	    .local = {.total = 1, .length = 1, .list = &found},
	};
	char *text;

	(void)state;
	lookup.processes = &processes;
	found.chosen = CHOSEN_NO;
	found.cgroup = "/system.slice/nginx.service";
	text = print(&answer, 20);
	assert_string_equal(text,
	    "{\"port\":50001,\"kind\":\"dynamic\",\"services\":{},\"in_range\":true,"
	    "\"reserved\":false,\"privileged\":false,\"use\":\"outbound\",\"bind_before_connect\":"
	    "false,"
	    "\"meaning\":\"Port 50001 is a dynamic port (49152-65535): no service is assigned to "
	    "it. It is inside this host's ephemeral range (50000-50009).\","
	    "\"local\":{\"total\":1,\"sockets\":[{\"protocol\":\"tcp\",\"family\":\"ipv4\","
	    "\"state\":\"established\",\"local_address\":\"192.0.2.1\",\"local_port\":50001,"
	    "\"remote_address\":\"198.51.100.7\",\"remote_port\":443,\"role\":\"outbound\","
	    "\"port_chosen\":false,\"meaning\":\"A temporary outbound connection: the kernel lent "
	    "it this port until it ends. A service that needs the port cannot start before "
	    "(\\\"Address already in use\\\") unless both sockets set SO_REUSEADDR. If there is "
	    "one, "
	    "restart the program that has the connection, and reserve the port for the service "
	    "(net.ipv4.ip_local_reserved_ports), so that it does not happen "
	    "again.\",\"inode\":4711,\"uid\":1000,\"user\":\"alice\","
	    "\"cgroup\":\"/system.slice/nginx.service\",\"holders\":\"found\","
	    "\"holders_complete\":true,\"processes\":[{\"pid\":12,\"name\":\"nginx\","
	    "\"command\":\"nginx: master process\",\"fds\":[3,7]},{\"pid\":300,"
	    "\"name\":\"nginx\",\"command\":\"\",\"fds\":[5]}]}]},"
	    "\"remote\":{\"total\":0,\"sockets\":[]}}");
	free(text);
}

static void what_the_port_is_to_the_host_is_told(void **state)
{
	static const struct {
		uint16_t port;
		bool in_range, reserved, privileged;
		const char *kind;
	} cases[] = {
	    {80, false, false, true, "system"},
	    {1023, false, false, true, "system"},
	    {1024, false, false, false, "registered"},
	    {49999, false, false, false, "dynamic"},
	    {50000, true, false, false, "dynamic"},
	    {50004, true, true, false, "dynamic"},
	    {50009, true, false, false, "dynamic"},
	    {50010, false, false, false, "dynamic"},
	    {8080, false, true, false, "registered"},
	};

	(void)state;
	portset_add(&lookup.settings.reserved, 8080);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct port_answer answer = {.port = cases[i].port};
		const cJSON *object = parse(&answer, 20);

		assert_int_equal(member(object, "port")->valuedouble, cases[i].port);
		assert_int_equal(cJSON_IsTrue(member(object, "in_range")), cases[i].in_range);
		assert_int_equal(cJSON_IsTrue(member(object, "reserved")), cases[i].reserved);
		assert_int_equal(cJSON_IsTrue(member(object, "privileged")), cases[i].privileged);
		assert_member(object, "kind", cases[i].kind);
		assert_no_member(object, "advice");
	}
}

static void services_are_named_by_protocol(void **state)
{
	const struct port_answer https = {.port = 443};
	const struct port_answer both = {.port = 512};
	const cJSON *services;

	(void)state;
	services = member(parse(&https, 20), "services");
	assert_int_equal(cJSON_GetArraySize(services), 1);
	assert_member(services, "tcp", "https");
	services = member(parse(&both, 20), "services");
	assert_member(services, "tcp", "exec");
	assert_member(services, "udp", "biff");
}

static void chances_count_the_listeners(void **state)
{
	const struct port_answer answer = {.port = 50000};

	(void)state;
	portset_add(&lookup.held, 50008);
	assert_number(member(member(parse(&answer, 20), "chances"), "connect")->valuedouble, 0.4);
}

/* Chances are those of a port that is free, and of no other. */
static void only_a_free_port_has_chances(void **state)
{
	(void)state;
	for (int i = 0; i < PORT_STATES; i++) {
		const struct port_answer answer = {.port = 50001, .state = (enum port_state)i};
		const cJSON *object = parse(&answer, 20);

		assert_member(object, "use", port_state_name(answer.state));
		if (i == PORT_STATE_FREE) {
			assert_number(member(member(object, "chances"), "connect")->valuedouble, 0);
			assert_number(member(member(object, "chances"), "bind")->valuedouble, 0.2);
		} else {
			assert_no_member(object, "chances");
		}
	}
}

static void a_listener_that_can_be_locked_out_has_advice(void **state)
{
	struct port_answer answer = {.port = 50001, .has_lasting_listener = true};
	struct portset asked = {{0}};

	(void)state;
	lookup.answers = &answer;
	lookup.length = 1;
	for (int i = 0; i < 3; i++) {
		struct json *object = json_new_object();
		char *text;

		if (i == 1)
			portset_add(&asked, 50001);
		answer.has_lasting_listener = i != 2;
		port_json_add_advice(object, &lookup, &asked);
		text = json_print(object);
		assert_string_equal(text, i == 1 ? "{\"advice\":\"sysctl -w "
						   "net.ipv4.ip_local_reserved_ports=50001,50004\"}"
						 : "{}");
		free(text);
		json_free(object);
	}
}

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

static void no_more_sockets_than_the_limit(void **state)
{
	struct port_socket list[5];
	const struct port_answer answer = {
	    .port = 50001,
	    .state = PORT_STATE_OUTBOUND,
	    .local = {.total = 4000000000u, .length = LENGTH(list), .list = list},
	    .remote = {.total = 9, .length = 4, .list = list},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(list); i++)
		list[i] = connection();
	for (int limit = 0; limit < 8; limit++) {
		const cJSON *object = parse(&answer, (size_t)limit);

		assert_number(member(member(object, "local"), "total")->valuedouble, 4000000000.0);
		assert_number(member(member(object, "remote"), "total")->valuedouble, 9);
		assert_int_equal(cJSON_GetArraySize(member(member(object, "local"), "sockets")),
		    limit < 5 ? limit : 5);
		assert_int_equal(cJSON_GetArraySize(member(member(object, "remote"), "sockets")),
		    limit < 4 ? limit : 4);
	}
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
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_range_is_three_numbers),
	    TEST(a_free_port_is_exact_to_the_byte),
	    TEST(a_connection_is_exact_to_the_byte),
	    TEST(what_the_port_is_to_the_host_is_told),
	    TEST(services_are_named_by_protocol),
	    TEST(only_a_free_port_has_chances),
	    TEST(chances_count_the_listeners),
	    TEST(a_listener_that_can_be_locked_out_has_advice),
	    TEST(what_is_unknown_is_left_out),
	    TEST(without_an_inode_there_is_no_user),
	    TEST(who_chose_the_port_is_told_where_known),
	    TEST(timers_are_told_in_seconds),
	    TEST(a_listener_has_a_queue),
	    TEST(addresses_have_zones_and_no_brackets),
	    TEST(pods_and_containers_are_named),
	    TEST(no_more_sockets_than_the_limit),
	    TEST(hostile_names_stay_inside_their_strings),
	};

	return cmocka_run_group_tests_name("port_json", tests, NULL, NULL);
}
