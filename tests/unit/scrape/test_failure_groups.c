// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_groups.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct exhausted_event event_to(const char *address, uint16_t port)
{
	struct exhausted_event event = {
	    .call = EXHAUSTED_CONNECT, .remote_port = port, .cgroup_id = 13, .comm = "curl"};

	assert_int_equal(inet_pton(AF_INET, "10.88.0.4", event.local), 1);
	assert_int_equal(inet_pton(AF_INET, address, event.remote), 1);
	return event;
}

static void alike_are_one(void **state)
{
	static struct failure_groups groups;
	struct exhausted_event event = event_to("10.88.0.50", 443);

	(void)state;
	for (unsigned i = 0; i < 13; i++) {
		event.time_ns = i;
		event.pid = i;
		failure_groups_add(&groups, &event);
	}
	assert_int_equal(groups.length, 1);
	assert_int_equal(groups.list[0].calls, 13);
	assert_int_equal(groups.list[0].event.time_ns, 12);
	assert_int_equal(groups.told, 13);
}

static void whatever_differs_is_another(void **state)
{
	static struct failure_groups groups;
	struct exhausted_event events[9];

	(void)state;
	for (size_t i = 0; i < LENGTH(events); i++)
		events[i] = event_to("10.88.0.50", 443);
	events[1].remote_port = 80;
	events[2].remote[3] = 51;
	events[3].local[3] = 5;
	events[4].cgroup_id = 14;
	events[5].comm[0] = 'w';
	events[6].call = EXHAUSTED_BIND_TCP;
	events[7].interface = 2;
	events[8].family = 1;
	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < LENGTH(events); i++)
			failure_groups_add(&groups, &events[i]);
	assert_int_equal(groups.length, LENGTH(events));
	for (size_t i = 0; i < LENGTH(events); i++)
		assert_int_equal(groups.list[i].calls, 2);
	/* A refused bind() did not lack a port. */
	events[6].refused_port = 8080;
	failure_groups_add(&groups, &events[6]);
	assert_int_equal(groups.told, 2 * LENGTH(events));
}

static void they_are_bounded(void **state)
{
	static struct failure_groups groups;
	struct exhausted_event event = event_to("10.88.0.50", 1);

	(void)state;
	for (uint16_t port = 1; port <= FAILURE_GROUPS + 9; port++) {
		event.remote_port = port;
		failure_groups_add(&groups, &event);
	}
	assert_int_equal(groups.length, FAILURE_GROUPS);
	assert_int_equal(groups.others, 9);
	assert_int_equal(groups.told, FAILURE_GROUPS + 9);
}

/* Behind the time, which is now. */
static void assert_written(
    const struct failure_group *group, const struct owner_labels *owner, const char *wanted)
{
	struct text text = {0};

	failure_group_write(group, owner, &text);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	assert_string_equal(strchr(text.data, ','), wanted);
	free(text.data);
}

static void all_that_is_known_is_written(void **state)
{
	static const struct owner_labels owner = {
	    .cgroup = "/kubepods/pod1/2\n",
	    .container = {.pod_uid = "1", .id = "2"},
	    .namespace_name = "shop",
	    .pod = "checkout",
	};
	struct failure_group group = {event_to("10.88.0.50", 443), 13};

	(void)state;
	memcpy(group.event.comm, "sixteen letters!", 16);
	assert_written(&group, &owner,
	    ",\"calls\":13,\"call\":\"connect\",\"protocol\":\"tcp\",\"family\":\"ipv4\","
	    "\"source\":\"10.88.0.4\",\"destination\":\"10.88.0.50\","
	    "\"destination_port\":443,\"process\":\"sixteen letters!\","
	    "\"cgroup\":\"/kubepods/pod1/2\\u000a\",\"pod_uid\":\"1\","
	    "\"container_id\":\"2\",\"namespace\":\"shop\",\"pod\":\"checkout\"}");
	group.event.call = EXHAUSTED_BIND_UDP;
	group.event.comm[0] = '\0';
	assert_written(&group, NULL,
	    ",\"calls\":13,\"call\":\"bind\",\"protocol\":\"udp\",\"family\":\"ipv4\","
	    "\"source\":\"10.88.0.4\"}");
}

static void of_others_only_the_number_is_known(void **state)
{
	struct text text = {0};

	(void)state;
	failure_others_write(1767225600250, 1204, &text);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "{\"time_ms\":1767225600250,\"calls\":1204}");
	free(text.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(alike_are_one),
	    cmocka_unit_test(whatever_differs_is_another),
	    cmocka_unit_test(they_are_bounded),
	    cmocka_unit_test(all_that_is_known_is_written),
	    cmocka_unit_test(of_others_only_the_number_is_known),
	};

	return cmocka_run_group_tests_name("failure_groups", tests, NULL, NULL);
}
