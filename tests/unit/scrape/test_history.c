// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define START 1767225600000ll

static struct history *history;

static int set_up(void **state)
{
	(void)state;
	history = history_new();
	return history ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	history_free(history);
	return 0;
}

static struct history_look look_of(int64_t time_ms, unsigned first, unsigned length)
{
	struct history_look look = {.time_ms = time_ms, .usable = 28231, .length = length};

	for (unsigned i = 0; i < length; i++) {
		snprintf(look.list[i].source, sizeof(look.list[i].source), "10.0.0.4");
		snprintf(look.list[i].destination, sizeof(look.list[i].destination), "192.0.2.%u",
		    first + i);
		look.list[i].port = 443;
		look.list[i].used = 100 - i;
	}
	return look;
}

static void note(int64_t time_ms, unsigned first, unsigned length)
{
	const struct history_look look = look_of(time_ms, first, length);

	history_note(history, &look);
}

static char *written(int64_t now_ms)
{
	struct text text = {0};

	history_write(history, now_ms, &text);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	return text.data;
}

static void assert_written(int64_t now_ms, const char *wanted)
{
	char *text = written(now_ms);

	assert_string_equal(text, wanted);
	free(text);
}

static void test_it_begins_empty(void **state)
{
	(void)state;
	assert_int_equal(history_length(history, START), 0);
	assert_written(START, "{\"seconds\":900,\"now_ms\":1767225600000,\"destinations\":[],"
			      "\"samples\":[]}");
}

static void test_what_is_written(void **state)
{
	struct history_look look = look_of(START + 2000, 2, 1);

	(void)state;
	note(START, 1, 2);
	look.has_failures = true;
	look.failures = 13;
	history_note(history, &look);
	assert_written(START + 3000,
	    "{\"seconds\":900,\"now_ms\":1767225603000,\"destinations\":["
	    "{\"id\":0,\"source\":\"10.0.0.4\",\"destination\":\"192.0.2.1\",\"destination_port\":"
	    "443},"
	    "{\"id\":1,\"source\":\"10.0.0.4\",\"destination\":\"192.0.2.2\",\"destination_port\":"
	    "443}"
	    "],\"samples\":["
	    "{\"time_ms\":1767225600000,\"usable_ports\":28231,\"ports\":[[0,100],[1,99]]},"
	    "{\"time_ms\":1767225602000,\"usable_ports\":28231,\"failures\":13,\"ports\":[[1,100]]}"
	    "]}");
}

static void test_one_a_second(void **state)
{
	(void)state;
	note(START, 1, 1);
	note(START + 1, 1, 1);
	note(START + 999, 1, 1);
	assert_int_equal(history_length(history, START + 999), 1);
	note(START + 1000, 1, 1);
	assert_int_equal(history_length(history, START + 1000), 2);
}

static void test_the_old_go(void **state)
{
	char *text;

	(void)state;
	note(START, 1, 1);
	note(START + 1000, 2, 1);
	assert_int_equal(history_length(history, START + 900000), 2);
	assert_int_equal(history_length(history, START + 900001), 1);
	/* Also if nothing came since: neither the sample nor, once something comes, its name. */
	assert_int_equal(history_length(history, START + 5000000), 0);
	note(START + 5000000, 3, 1);
	text = written(START + 5000000);
	assert_null(strstr(text, "192.0.2.1"));
	assert_non_null(
	    strstr(text, "\"id\":0,\"source\":\"10.0.0.4\",\"destination\":\"192.0.2.3\""));
	free(text);
}

static void test_it_is_bounded(void **state)
{
	char *text;

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		note(START + i * 1000ll, i, HISTORY_DESTINATIONS);
	assert_int_equal(history_length(history, START + 2999000), 900);
	text = written(START + 2999000);
	assert_true(strlen(text) < 1 << 20);
	/* 64 names in all: once they are taken, others are left out. */
	assert_null(strstr(text, "\"id\":64"));
	free(text);
}

static void test_names_come_back(void **state)
{
	char *text;

	(void)state;
	/* 64 names, none of which stays. */
	for (unsigned i = 0; i < 8; i++)
		note(START + i * 1000, i * HISTORY_DESTINATIONS, HISTORY_DESTINATIONS);
	note(START + 10000, 100, 1);
	text = written(START + 10000);
	assert_null(strstr(text, "192.0.2.100"));
	free(text);
	note(START + 1000000, 100, 1);
	text = written(START + 1000000);
	assert_non_null(strstr(text, "192.0.2.100"));
	free(text);
}

static void test_a_clock_that_is_set_back(void **state)
{
	(void)state;
	note(START, 1, 1);
	note(START + 1000, 1, 1);
	note(START - 5000, 2, 1);
	assert_int_equal(history_length(history, START - 5000), 1);
}

static void test_more_than_fits(void **state)
{
	struct history_look look = look_of(START, 1, 1);
	char *text;

	(void)state;
	look.list[0].used = 70000;
	look.usable = 70000;
	look.length = 0;
	history_note(history, &look);
	text = written(START);
	assert_non_null(strstr(text, "\"usable_ports\":65535,\"ports\":[]"));
	free(text);
}

static void count_calls(int64_t time_ms, bool has_failures, uint64_t calls)
{
	const struct history_look look = {
	    .time_ms = time_ms, .has_failures = has_failures, .calls = calls};

	history_note(history, &look);
}

static void test_calls_that_failed(void **state)
{
	struct history_calls calls;

	(void)state;
	assert_false(history_find_calls(history, START, &calls));
	count_calls(START, false, 0);
	assert_false(history_find_calls(history, START, &calls));
	count_calls(START + 2000, true, 7);
	count_calls(START + 4000, false, 0);
	count_calls(START + 6000, true, 20);
	count_calls(START + 8000, false, 0);
	assert_true(history_find_calls(history, START + 8000, &calls));
	assert_int_equal(calls.total, 20);
	assert_int_equal(calls.recent, 13);
	assert_int_equal(calls.since_ms, START + 2000);
	/* What is too old is no longer compared with. */
	assert_true(history_find_calls(history, START + 2001 + HISTORY_SECONDS * 1000, &calls));
	assert_int_equal(calls.total, 20);
	assert_int_equal(calls.recent, 0);
	assert_false(history_find_calls(history, START + 9000 + HISTORY_SECONDS * 1000, &calls));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_it_begins_empty, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_written, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_a_second, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_old_go, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_is_bounded, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_names_come_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_clock_that_is_set_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_more_than_fits, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_calls_that_failed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
