// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guard_page.h"
#include "unit.h"

#define S MOMENT_SECOND
/* 2026-11-29T11:03:00Z, which is 12:03 in Berlin. */
#define NOON (1795950180 * S)

static int set_zone(void **state)
{
	(void)state;
	/* With its rules, so that the machine need not have a file of them. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

/* Its NUL is the last byte that may be read. */
static bool parse(const char *text, int64_t now, struct moment_span *ret_span)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	const bool result = now ? moment_parse_past(guarded.bytes, now, ret_span)
				: moment_parse(guarded.bytes, ret_span);

	guard_free(&guarded);
	return result;
}

static void dates_are_read_with_their_zone(void **state)
{
	static const struct {
		const char *text;
		int64_t from;
		int64_t length;
	} cases[] = {
	    {"2026-11-29T11:03Z", NOON, 60 * S}, {"2026-11-29T11:03:00Z", NOON, S},
	    {"2026-11-29t11:03:00z", NOON, S}, {"2026-11-29 12:03", NOON, 60 * S},
	    {"2026-11-29T12:03:00", NOON, S}, {"2026-11-29T12:03:00+01:00", NOON, S},
	    {"2026-11-29T12:03+0100", NOON, 60 * S}, {"2026-11-29T06:33-04:30", NOON, 60 * S},
	    {"2026-11-30T00:03+13:00", NOON, 60 * S},
	    {"2026-11-29T11:03:00.5Z", NOON + S / 2, S / 10},
	    {"2026-11-29T11:03:00.123456Z", NOON + 123456000, 1000},
	    {"2026-11-29T11:03:00.123456789Z", NOON + 123456789, 1},
	    {"1970-01-01T00:00Z", 0, 60 * S},
	    {"2026-07-01T12:03", 1782900180 * S, 60 * S}, /* summer time */
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct moment_span span = {0, 0};

		assert_true(parse(cases[i].text, 0, &span));
		assert_true(span.from == cases[i].from);
		assert_true(span.until - span.from == cases[i].length);
	}
}

static void a_time_of_day_is_today_or_yesterday(void **state)
{
	const int64_t day = 24 * 3600 * S;
	struct moment_span span;

	(void)state;
	assert_true(parse("12:03", NOON, &span));
	assert_true(span.from == NOON && span.until == NOON + 60 * S);
	assert_true(parse("12:03:07.5", NOON + 8 * S, &span));
	assert_true(span.from == NOON + 7 * S + S / 2 && span.until == span.from + S / 10);
	/* Not over yet, but begun. */
	assert_true(parse("12:03", NOON + 30 * S, &span));
	assert_true(span.from == NOON);
	assert_true(parse("12:04", NOON, &span));
	assert_true(span.from == NOON + 60 * S - day);
	assert_true(parse("00:00", NOON, &span));
	assert_true(span.from == NOON - (12 * 60 + 3) * 60 * S);
	/* 1 January, 00:10: the evening before is in another year. */
	assert_true(parse("23:59", 1767222600 * S, &span));
	assert_true(span.from == (1767222600 - 11 * 60) * S);
	/* 26 October 2026, 01:00, the day after summer time ended at 03:00. */
	assert_true(parse("12:00", 1792972800 * S, &span));
	assert_true(span.from == (1792972800 - 13 * 3600) * S);
	/* The end of summer time has a day of 25 hours: 25 October, 01:00 CEST asks for 24 October.
	 */
	assert_true(parse("02:30", 1792882800 * S, &span));
	assert_true(span.from == (1792882800 - 22 * 3600 - 1800) * S);
	/* A date stays as it is. */
	assert_true(parse("2027-01-01T00:00Z", NOON, &span));
	assert_true(span.from > NOON);
}

static void everything_else_is_refused(void **state)
{
	static const char *const bad[] = {"", "1", "12", "12:", "12:3", "12:60", "24:00",
	    "12:03:", "12:03:60", "12:03:07.", "12:03:07.1234567890", "12:03 ", " 12:03", "12:03Z",
	    "-1:03", "12:03+01:00", "noon", "2026-11-29", "2026-11-29T", "2026-11-29T12",
	    "2026-02-30T12:00", "2026-13-01T12:00", "2026-00-01T12:00", "2026-01-00T12:00",
	    "1969-12-31T23:59Z", "1970-01-01T00:00+00:01", "2200-01-01T00:00Z",
	    "2026-11-29T12:03:00+", "20261129T1203", "2026-11-29T12:03:00+1",
	    "2026-11-29T12:03:00+24:00", "2026-11-29T12:03:00ZZ", "2026-11-29T12:03:00+01:60",
	    "2026-11-29T12:03:00 Z", "+2026-11-29T12:03"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct moment_span span;

		if (parse(bad[i], NOON, &span))
			fail_msg("\"%s\" was read", bad[i]);
	}
}

static void moments_are_written(void **state)
{
	char text[MOMENT_TEXT];
	struct moment_span span;

	(void)state;
	moment_format(NOON + 7 * S + 123456789, text);
	assert_string_equal(text, "2026-11-29T11:03:07.123456Z");
	assert_true(moment_parse(text, &span) && span.from == NOON + 7 * S + 123456000);
	moment_format_local(NOON + 123456789, NOON + 3600 * S, text);
	assert_string_equal(text, "12:03:00.123");
	moment_format_local(NOON, NOON + 24 * 3600 * S, text);
	assert_string_equal(text, "2026-11-29 12:03:00.000");
	moment_format(7258118399 * S + 999999999, text);
	assert_string_equal(text, "2199-12-31T23:59:59.999999Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_read_with_their_zone),
	    cmocka_unit_test(a_time_of_day_is_today_or_yesterday),
	    cmocka_unit_test(everything_else_is_refused),
	    cmocka_unit_test(moments_are_written),
	};

	return cmocka_run_group_tests_name("moment", tests, set_zone, NULL);
}
