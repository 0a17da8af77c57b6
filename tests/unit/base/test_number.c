// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/number.h"

#include <limits.h>

#include "unit.h"

#define UNTOUCHED 4711ul

static void what_is_within_bounds_is_read(void **state)
{
	static const struct {
		const char *text;
		unsigned long minimum;
		unsigned long maximum;
		unsigned long number;
	} good[] = {
	    {"0", 0, 0, 0},
	    {"0", 0, 9, 0},
	    {"9", 0, 9, 9},
	    {"10", 10, 10, 10},
	    {"65535", 1, 65535, 65535},
	    {"00000000000000000000000000000000000007", 1, 7, 7},
	    {"18446744073709551615", 0, ULONG_MAX, ULONG_MAX},
	    {"18446744073709551614", 0, ULONG_MAX - 1, ULONG_MAX - 1},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		unsigned long number = UNTOUCHED;

		if (!number_parse(good[i].text, good[i].minimum, good[i].maximum, &number))
			fail_msg("%s was refused", good[i].text);
		assert_int_equal(number, good[i].number);
	}
}

static void all_else_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned long minimum;
		unsigned long maximum;
	} bad[] = {
	    {"", 0, 9},
	    {" 1", 0, 9},
	    {"1 ", 0, 9},
	    {"+1", 0, 9},
	    {"-1", 0, ULONG_MAX},
	    {"1x", 0, 9},
	    {"0x1", 0, 9},
	    {"1.0", 0, 9},
	    {"1e2", 0, 999},
	    {"1\n", 0, 9},
	    {"\xd9\xa1", 0, 9}, /* a digit, of Arabic */
	    {"/", 0, 9},
	    {":", 0, 9},
	    {"1", 0, 0},
	    {"0", 1, 9},
	    {"9", 10, 10},
	    {"11", 10, 10},
	    {"65536", 1, 65535},
	    {"18446744073709551615", 0, ULONG_MAX - 1},
	    {"18446744073709551616", 0, ULONG_MAX},
	    {"18446744073709551617", 0, ULONG_MAX},
	    {"99999999999999999999999999999999999999999", 0, ULONG_MAX},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		unsigned long number = UNTOUCHED;

		if (number_parse(bad[i].text, bad[i].minimum, bad[i].maximum, &number))
			fail_msg("\"%s\" was taken for %lu", bad[i].text, number);
		assert_int_equal(number, UNTOUCHED);
	}
}

static void what_follows_is_handed_back(void **state)
{
	unsigned long number = UNTOUCHED;

	(void)state;
	assert_string_equal(number_read("80-90", 65535, &number), "-90");
	assert_int_equal(number, 80);
	assert_string_equal(number_read("007", 9, &number), "");
	assert_int_equal(number, 7);
	number = UNTOUCHED;
	assert_null(number_read("-90", 65535, &number));
	assert_null(number_read("", 65535, &number));
	/* It is not cut short where it is too large. */
	assert_null(number_read("65536", 65535, &number));
	assert_null(number_read("10s", 9, &number));
	assert_int_equal(number, UNTOUCHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_within_bounds_is_read),
	    cmocka_unit_test(all_else_is_refused),
	    cmocka_unit_test(what_follows_is_handed_back),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
