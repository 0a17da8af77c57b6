// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/lease_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/lease_answer.h"
#include "stdout_capture.h"
#include "unit.h"

#define S MOMENT_SECOND
/* 2026-11-29T12:03:00Z */
#define AT (1795953780 * S)

static struct lease_search *search;
static struct lease_search_options options;
static struct lease_answer answer;

static int set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	options = (struct lease_search_options){.at = {AT, AT + 60 * S}, .limit = 3};
	portset_add(&options.ports, 40312);
	search = lease_search_new(&options);
	assert_non_null(search);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lease_search_free(search);
	return 0;
}

static void feed(const char *text)
{
	assert_result(lease_search_feed(search, text, strlen(text)), 0);
}

static void feed_lease(unsigned port, const char *from, const char *until, const char *more)
{
	char line[640];

	snprintf(line, sizeof(line),
	    "{\"from\":\"2026-11-29T%sZ\",\"until\":\"2026-11-29T%sZ\",\"source\":\"10.0.0.4\","
	    "\"source_port\":%u,\"destination\":\"192.0.2.7\",\"destination_port\":443,"
	    "\"ended\":\"closed\"%s}\n",
	    from, until, port, more);
	feed(line);
}

static void finish(void)
{
	assert_result(lease_search_finish(search, &answer), 0);
}

static void who_had_it_at_any_time_of_the_span_is_found(void **state)
{
	static const char *const spans[][2] = {
	    {"12:02:59.5", "12:03:00"}, /* until its last moment */
	    {"12:03:59.9", "13:00:00"},
	    {"11:00:00", "14:00:00"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(spans); i++)
		feed_lease(40312, spans[i][0], spans[i][1], "");
	feed_lease(40312, "12:02:00", "12:02:59.999999", "");
	feed_lease(40312, "12:04:00", "12:05:00", "");
	feed_lease(40313, "12:03:00", "12:03:30", "");
	finish();
	assert_int_equal(answer.length, 3);
	assert_int_equal(answer.leases, 6);
	assert_int_equal(answer.skipped, 0);
	/* By their begin, whatever the order of the lines. */
	assert_true(answer.list[0]->from == AT - 63 * 60 * S);
	assert_true(answer.list[1]->until == AT);
	assert_string_equal(answer.list[2]->source, "10.0.0.4");
	assert_true(answer.before->until == AT - 1000);
	assert_true(answer.after->from == AT + 60 * S);
}

static void time_wait_has_the_port_for_a_minute(void **state)
{
	(void)state;
	feed_lease(40312, "12:01:00", "12:02:00", ",\"time_wait\":true");
	feed_lease(40312, "12:01:00", "12:01:59.999", ",\"time_wait\":true");
	feed_lease(40312, "12:01:00", "12:03:01", ",\"time_wait\":true");
	feed_lease(40312, "12:01:00", "12:02:30", ",\"time_wait\":false");
	finish();
	assert_int_equal(answer.length, 2);
	assert_int_equal(lease_was_in_time_wait(answer.list[0], &options.at) +
			     lease_was_in_time_wait(answer.list[1], &options.at),
	    1);
}

static void no_more_are_kept_than_the_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		feed_lease(40312, "12:03:00", "12:03:30", ",\"process\":\"curl\",\"pid\":7");
	finish();
	assert_int_equal(answer.length, 3);
	assert_int_equal(answer.others, 997);
	assert_string_equal(answer.list[2]->process, "curl");
	assert_int_equal(answer.list[2]->pid, 7);
}

static void lines_of_journald_are_read(void **state)
{
	(void)state;
	feed("{\"PRIORITY\":\"6\",\"MESSAGE\":\"{\\\"from\\\":\\\"2026-11-29T12:03:00Z\\\","
	     "\\\"until\\\":"
	     "\\\"2026-11-29T12:03:01Z\\\",\\\"source\\\":\\\"::1\\\",\\\"source_port\\\":40312,"
	     "\\\"destination\\\":\\\"::1\\\",\\\"destination_port\\\":443,\\\"family\\\":"
	     "\\\"ipv6\\\","
	     "\\\"ended\\\":\\\"reset\\\"}\"}\n{\"MESSAGE\":\"Started it.\"}\n{\"MESSAGE\":[1,2]}");
	finish();
	assert_int_equal(answer.length, 1);
	assert_int_equal(answer.list[0]->family, SOCKET_IPV6);
	assert_int_equal(answer.skipped, 2);
}

static void other_lines_are_counted(void **state)
{
	static const char *const others[] = {"Started it.", "{", "[]", "7", "\"text\"", "{}",
	    "null", "{\"from\":1}", "{\"started\":{}}", "{\"lost\":7}",
	    "{\"started\":{\"time\":\"noon\"}}"};

	(void)state;
	for (size_t i = 0; i < LENGTH(others); i++) {
		feed(others[i]);
		feed("\n");
	}
	feed("\n\n");
	/* A NUL ends no line, and a line that never ends is not kept. */
	assert_result(lease_search_feed(search, "{}\0{}\n", 6), 0);
	for (size_t i = 0; i < 3 * LEASE_LINE_MAX / 8; i++)
		feed("[[[[[[[[");
	feed("\n");
	/* Each of these is a lease with one member that is wrong. */
	feed_lease(70000, "12:03:00", "12:03:01", "");
	feed_lease(40312, "12:03:01", "12:03:00", "");
	feed_lease(40312, "12:03:61", "12:03:00", "");
	finish();
	assert_int_equal(answer.skipped, LENGTH(others) + 2 + 3);
	assert_int_equal(answer.leases, 0);
	assert_false(answer.has_lines);
}

static void a_text_that_is_too_long_is_no_lease(void **state)
{
	char source[SOCKET_ADDRESS_TEXT + 1];
	char line[320];

	(void)state;
	memset(source, '1', sizeof(source) - 1);
	source[sizeof(source) - 1] = '\0';
	snprintf(line, sizeof(line),
	    ",\"x\":\"\"}\n{\"from\":\"2026-11-29T12:03:00Z\",\"until\":"
	    "\"2026-11-29T12:03:00Z\",\"source\":\"%s\",\"source_port\":40312,"
	    "\"destination\":\"1\",\"destination_port\":443,\"ended\":\"\"",
	    source);
	feed_lease(40312, "12:03:00", "12:03:01", line);
	finish();
	assert_int_equal(answer.leases, 1);
	assert_int_equal(answer.skipped, 1);
}

static void the_run_of_the_trace_and_its_losses_are_told(void **state)
{
	(void)state;
	feed("{\"started\":{\"time\":\"2026-11-29T10:00:00Z\"}}\n");
	feed("{\"summary\":{\"time\":\"2026-11-29T11:00:00Z\",\"lost\":99}}\n");
	feed("{\"started\":{\"time\":\"2026-11-29T12:00:00Z\"}}\n");
	feed_lease(40312, "12:00:00", "12:02:00", "");
	feed("{\"lost\":{\"time\":\"2026-11-29T12:10:00Z\",\"leases\":17,\"untracked\":3,"
	     "\"missed_events\":5}}\n");
	feed("{\"lost\":{\"time\":\"2026-11-29T12:11:00Z\",\"leases\":1e99,\"untracked\":-1}}\n");
	feed("{\"started\":{\"time\":\"2026-11-29T13:00:00Z\"}}\n");
	feed("{\"started\":{\"time\":\"2026-11-29T14:00:00Z\"}}\n");
	finish();
	assert_true(answer.has_start && answer.start == AT - 180 * S);
	assert_true(answer.has_stop && answer.stop == AT + 57 * 60 * S);
	assert_true(answer.first == AT - 123 * 60 * S && answer.last == AT + 117 * 60 * S);
	assert_int_equal(answer.lost.leases, 17);
	assert_int_equal(answer.lost.untracked, 3);
	assert_int_equal(answer.lost.missed, 5);
}

static void the_answer_is_for_people(void **state)
{
	char *printed;

	(void)state;
	feed("{\"started\":{\"time\":\"2026-11-29T12:00:00Z\"}}\nStarted it.\n");
	feed_lease(40312, "12:03:00", "12:03:30",
	    ",\"time_wait\":true,\"pid\":7,\"process\":\"a\\u001b[2J\",\"cgroup\":\"/x\\n\","
	    "\"pod_uid\":\"p\",\"container_id\":\"c\"");
	feed("{\"lost\":{\"time\":\"2026-11-29T12:10:00Z\",\"leases\":1}}\n");
	finish();
	stdout_capture();
	assert_result(lease_answer_print(&options, &answer), 0);
	printed = stdout_captured();
	assert_string_equal(printed,
	    "Who had port 40312 on 2026-11-29, 12:03:00.000 to 12:04:00.000 UTC:\n\n"
	    "  12:03:00.000 - 12:03:30.000  closed, then TIME_WAIT\n"
	    "       tcp  10.0.0.4:40312 -> 192.0.2.7:443\n"
	    "       a?[2J (pid 7), cgroup /x?\n"
	    "       pod p, container c\n\n"
	    "The lines are from 12:00:00.000 to 12:10:00.000, with 1 lease. A connection that\n"
	    "was still open at their end is not among them.\n"
	    "The trace began at 12:00:00.000: connections that were open before are missing.\n"
	    "1 lease is not in these lines: one may have had it.\n"
	    "1 line was not from \"ephemera trace --leases --json\".\n");
	free(printed);
}

static void that_a_trace_began_later_is_said_once(void **state)
{
	char *printed;

	(void)state;
	feed("{\"started\":{\"time\":\"2026-11-29T12:30:00Z\"}}\n");
	feed_lease(40312, "12:33:00", "12:33:30", "");
	finish();
	stdout_capture();
	assert_result(lease_answer_print(&options, &answer), 0);
	printed = stdout_captured();
	assert_non_null(strstr(
	    printed, "The trace began at 12:30:00.000, after the time that was asked for.\n"));
	assert_null(strstr(printed, "They begin after"));
	assert_null(strstr(printed, "ended or began again"));
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(who_had_it_at_any_time_of_the_span_is_found),
	    TEST(time_wait_has_the_port_for_a_minute),
	    TEST(no_more_are_kept_than_the_limit),
	    TEST(lines_of_journald_are_read),
	    TEST(other_lines_are_counted),
	    TEST(a_text_that_is_too_long_is_no_lease),
	    TEST(the_run_of_the_trace_and_its_losses_are_told),
	    TEST(the_answer_is_for_people),
	    TEST(that_a_trace_began_later_is_said_once),
	};

	return cmocka_run_group_tests_name("lease_search", tests, NULL, NULL);
}
