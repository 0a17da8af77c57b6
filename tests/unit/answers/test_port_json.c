// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_json.h"

#include <stdlib.h>

#include "parsed_port.h"
#include "unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_range_is_three_numbers),
	    TEST(a_free_port_is_exact_to_the_byte),
	    TEST(a_connection_is_exact_to_the_byte),
	    TEST(what_the_port_is_to_the_host_is_told),
	    TEST(services_are_named_by_protocol),
	    TEST(only_a_free_port_has_chances),
	    TEST(chances_count_the_listeners),
	    TEST(a_listener_that_can_be_locked_out_has_advice),
	    TEST(no_more_sockets_than_the_limit),
	};

	return cmocka_run_group_tests_name("port_json", tests, NULL, NULL);
}
