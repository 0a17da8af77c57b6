// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_expression.h"

#include <string.h>

#include "guard_page.h"
#include "unit.h"

/* Its NUL is the last byte that may be read. */
static const char *parse(const char *text, struct port_range *ret_range)
{
	struct guarded guarded = guard(text, strlen(text) + 1, 1);
	const char *wrong = port_expression_parse(guarded.bytes, ret_range);

	guard_free(&guarded);
	return wrong;
}

static void reads_ports_and_ranges(void **state)
{
	static const struct {
		const char *text;
		struct port_range range;
	} good[] = {
	    {"1", {1, 1}},
	    {"80", {80, 80}},
	    {"60416", {60416, 60416}},
	    {"65535", {65535, 65535}},
	    {"8000-8080", {8000, 8080}},
	    {"1-65535", {1, 65535}},
	    {"1-1", {1, 1}},
	    {"65535-65535", {65535, 65535}},
	    {"0080", {80, 80}},
	    {"00000000000000000001-2", {1, 2}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct port_range range = {7, 9};

		if (parse(good[i].text, &range))
			fail_msg("\"%s\" was refused", good[i].text);
		assert_int_equal(range.first, good[i].range.first);
		assert_int_equal(range.last, good[i].range.last);
	}
}

static void everything_else_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "0", "00", "65536", "4294967297",
	    "18446744073709551617", "99999999999999999999999999", "-", "-1", "1-", "0-1", "1-0",
	    "1-65536", "65536-65537", "8000-", "8000--8080", "8000-8080-", "8000-8080-8090",
	    "8000,8080", "8000 8080", " 80", "80 ", "80\n", "+80", "8e1", "0x50", "80.0", "http",
	    "80x", "x80", "8000-x", "8000- 8080", "8000 -8080", "8000:8080", "\xef\xbc\x98", "*",
	    ("8000\xe2\x80\x93"
	     "8080")};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct port_range range = {7, 9};
		const char *wrong = parse(bad[i], &range);

		if (!wrong)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_non_null(strstr(wrong, "65535"));
		assert_int_equal(range.first, 7);
		assert_int_equal(range.last, 9);
	}
}

static void a_range_that_is_upside_down_is_told_so(void **state)
{
	static const char *const bad[] = {"8080-8000", "2-1", "65535-1"};
	struct port_range range = {7, 9};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		assert_string_equal(
		    parse(bad[i], &range), "the range must not end before it begins");
		assert_int_equal(range.first, 7);
		assert_int_equal(range.last, 9);
	}
}

static void any_prefix_is_read_within_its_bounds(void **state)
{
	static const char text[] = "60000-65535";
	char prefix[sizeof(text)];

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		struct port_range range;
		const char *wrong;

		memcpy(prefix, text, length);
		prefix[length] = '\0';
		wrong = parse(prefix, &range);
		/* 6, 60 ... 60000, and then the whole. */
		assert_int_equal(wrong == NULL, (length >= 1 && length <= 5) || length == 11);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_ports_and_ranges),
	    cmocka_unit_test(everything_else_is_refused),
	    cmocka_unit_test(a_range_that_is_upside_down_is_told_so),
	    cmocka_unit_test(any_prefix_is_read_within_its_bounds),
	};

	return cmocka_run_group_tests_name("port_expression", tests, NULL, NULL);
}
