// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "collectors/registry.h"
#include "unit.h"

#define ROOM 1000000u

static struct survey survey;
static struct settings settings;

static int set_up(void **state)
{
	(void)state;
	random_seed(43);
	memset(&settings, 0, sizeof(settings));
	settings.range = (struct port_range){40000, 40021};
	survey_begin(&survey, &settings);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	survey_release(&survey);
	return 0;
}

static struct survey_result finished(void)
{
	struct survey_result result;

	survey_finish(&survey, &result);
	return result;
}

static void observe(const struct socket *socket)
{
	size_t room = ROOM;

	assert_result(survey_observe(&survey, socket, &room), 0);
}

static void connection(const char *remote, uint16_t port)
{
	const struct socket socket =
	    make_socket(SOCKET_ESTABLISHED, "127.0.0.1", port, remote, 443);

	observe(&socket);
}

static void test_a_port_that_many_hold_is_lost_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		assert_result(survey_hold(&survey, (uint16_t)(40000 + i % 7)), 0);
	assert_true(survey.held_capacity < 64);
	assert_int_equal(finished().usable, 22 - 7);
}

static void test_more_ports_than_fit_at_first(void **state)
{
	(void)state;
	settings.range = (struct port_range){20000, 29999};
	for (unsigned i = 0; i < 6000; i++)
		assert_result(survey_hold(&survey, (uint16_t)(20000 + i * 7 % 5003)), 0);
	assert_int_equal(finished().usable, 10000 - 5003);
}

static void test_nothing_usable_is_full(void **state)
{
	struct survey_result result;

	(void)state;
	portset_add_range(&settings.reserved, settings.range);
	connection("192.0.2.1", 40003);
	result = finished();
	assert_int_equal(result.usable, 0);
	assert_int_equal(result.used, 0);
	assert_number(result.ratio, 1);
}

static void test_what_it_counts(void **state)
{
	struct socket time_wait =
	    make_socket(SOCKET_TIME_WAIT, "127.0.0.1", 40009, "192.0.2.1", 443);
	struct socket udp = make_socket(SOCKET_CLOSE, "127.0.0.1", 40010, "192.0.2.1", 443);
	struct survey_result result;

	(void)state;
	udp.protocol = SOCKET_UDP;
	connection("192.0.2.1", 40001);
	connection("192.0.2.1", 40002);
	connection("192.0.2.2", 40002);
	connection("192.0.2.2", 39999);
	observe(&time_wait);
	observe(&udp);
	result = finished();
	assert_int_equal(result.sockets, 6);
	assert_int_equal(result.time_wait, 1);
	assert_int_equal(result.leased, 4);
	assert_int_equal(result.used, 3);
	assert_int_equal(result.fullest.port, 443);
	assert_int_equal(result.fullest.address.bytes[3], 1);
	assert_number(result.ratio, 3 / 22.0);
}

/* Once there is no room, what is known is counted, and of the rest how much there is. */
static void test_room_is_shared_and_is_an_end(void **state)
{
	size_t room = 3;
	struct survey_result result;

	(void)state;
	for (uint16_t i = 0; i < 22; i++) {
		char remote[32];

		snprintf(remote, sizeof(remote), "192.0.2.%u", i % 11);

		const struct socket socket = make_socket(
		    SOCKET_ESTABLISHED, "127.0.0.1", (uint16_t)(40000 + i), remote, 443);

		assert_result(survey_observe(&survey, &socket, &room), 0);
	}
	assert_int_equal(room, 0);
	result = finished();
	assert_int_equal(result.untracked, 22 - 3 * 2);
	assert_int_equal(result.leased, 3 * 2);
	assert_int_equal(result.used, 2);
}

static void test_a_few_cgroups_are_told_apart(void **state)
{
	struct socket socket = make_socket(SOCKET_ESTABLISHED, "127.0.0.1", 1, "192.0.2.1", 443);

	(void)state;
	for (uint64_t i = 0; i < 3u * SURVEY_CGROUPS; i++) {
		socket.cgroup_id = 1 + i % SURVEY_CGROUPS;
		observe(&socket);
	}
	assert_int_equal(survey.cgroups_length, SURVEY_CGROUPS);
	assert_int_equal(survey.cgroups[2].sockets, 3);
	assert_false(survey.more_cgroups);
	socket.cgroup_id = 0;
	observe(&socket);
	assert_false(survey.more_cgroups);
	socket.cgroup_id = 100;
	observe(&socket);
	assert_true(survey.more_cgroups);
}

/* Of the collector's text: the highest of both families. */
static double highest(const char *text, const char *name)
{
	double found = 0;

	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
		const double value = strtod(strchr(at, ':') + 1, NULL);

		found = value > found ? value : found;
	}
	return found;
}

static uint16_t near_the_range(void)
{
	return (uint16_t)(settings.range.first - 5 +
			  random_number() % (port_range_size(settings.range) + 10));
}

static void hold_at_random(struct facts *facts)
{
	static const enum socket_state states[] = {SOCKET_LISTEN, SOCKET_BOUND};

	for (unsigned i = random_number() % 30; i > 0; i--) {
		const uint16_t port = near_the_range();
		const struct socket socket =
		    make_socket(states[i % 2], "127.0.0.1", port, "0.0.0.0", 0);

		if (random_number() % 3 == 0) {
			assert_result(survey_hold(&survey, port), 0);
			portset_add(&facts->holders.connected, port);
		} else {
			observe(&socket);
			holders_note_bind(&facts->holders, &socket);
		}
	}
}

static void connect_at_random(struct collect *collect)
{
	static const enum socket_state states[] = {
	    SOCKET_ESTABLISHED, SOCKET_SYN_SENT, SOCKET_TIME_WAIT, SOCKET_CLOSE, SOCKET_FIN_WAIT2};

	for (unsigned i = random_number() % 300; i > 0; i--) {
		char remote[32];
		const bool is_ipv6 = random_number() % 3 == 0;
		struct socket socket;

		snprintf(remote, sizeof(remote), is_ipv6 ? "2001:db8::%u" : "192.0.2.%u",
		    1 + random_number() % 3);
		socket = make_socket(states[random_number() % LENGTH(states)],
		    is_ipv6 ? "::1" : "127.0.0.1", near_the_range(), remote,
		    (uint16_t)(443 + random_number() % 2));
		socket.interface = random_number() % 5 == 0;
		socket.has_timestamps = random_number() % 2;
		socket.tells_timestamps = true;
		socket.expires_ms = 1000 * (random_number() % 60);
		observe(&socket);
		collect_socket(collect, &socket);
	}
}

static void one_round(struct collect *collect)
{
	struct facts facts = {0};
	struct survey_result result;
	char *text;

	settings = (struct settings){.range = {(uint16_t)(40000 + random_number() % 9),
					 (uint16_t)(40009 + random_number() % 99)},
	    .time_wait_reuse = (int)(random_number() % 3),
	    .time_wait_reuse_delay_ms = 1000};
	for (unsigned i = random_number() % 20; i > 0; i--)
		portset_add(&settings.reserved, near_the_range());
	survey_begin(&survey, &settings);
	facts.settings = settings;
	hold_at_random(&facts);
	facts_finish(&facts);
	assert_result(collect_begin(collect, &facts), 0);
	connect_at_random(collect);
	result = finished();
	text = collect_emit(collect);
	assert_int_equal(result.usable, facts.capacity);
	assert_int_equal(result.range.last, settings.range.last);
	assert_int_equal(result.reserved, portset_count_range(&settings.reserved, settings.range));
	assert_int_equal(
	    result.usable + result.reserved + result.held, port_range_size(settings.range));
	assert_number(result.used, highest(text, "worst_destination_ports "));
	assert_number(result.ratio, highest(text, "worst_destination_usage_ratio "));
	free(text);
}

static void test_random_ones_are_as_the_collector_says(void **state)
{
	struct collect collect;

	(void)state;
	collect_open(&collect, collectors[collector_find("destinations")], NULL, "/nonexistent",
	    "/nonexistent");
	for (int i = 0; i < 500; i++)
		one_round(&collect);
	collect_close(&collect);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_port_that_many_hold_is_lost_once),
	    TEST(test_more_ports_than_fit_at_first),
	    TEST(test_nothing_usable_is_full),
	    TEST(test_what_it_counts),
	    TEST(test_room_is_shared_and_is_an_end),
	    TEST(test_a_few_cgroups_are_told_apart),
	    TEST(test_random_ones_are_as_the_collector_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
