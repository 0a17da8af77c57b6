// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/text.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

static void assert_text(const struct text *text, const char *wanted)
{
	assert_result(text->error, 0);
	assert_int_equal(text->length, strlen(wanted));
	if (text->length)
		assert_memory_equal(text->data, wanted, text->length);
}

static void grows(void **state)
{
	struct text text = {0};

	(void)state;
	for (size_t i = 0; i < 100003; i++)
		text_add_char(&text, (char)('a' + i % 23));
	assert_int_equal(text.length, 100003);
	for (size_t i = 0; i < 100003; i++)
		assert_int_equal(text.data[i], 'a' + i % 23);
	free(text.data);
}

static void adds_bytes_of_a_given_length(void **state)
{
	struct text text = {0};
	struct guarded guarded = guard_string("bytes");

	(void)state;
	text_add(&text, guarded.bytes, 5);
	text_add(&text, NULL, 0);
	text_add_string(&text, "");
	text_add_string(&text, ", string");
	assert_text(&text, "bytes, string");
	guard_free(&guarded);
	free(text.data);
}

static void one_piece_may_be_longer_than_twice_what_there_is(void **state)
{
	static char piece[70001];
	struct text text = {0};

	(void)state;
	memset(piece, 'x', sizeof(piece));
	text_add_char(&text, 'a');
	text_add(&text, piece, sizeof(piece));
	text_add_char(&text, 'b');
	assert_int_equal(text.length, sizeof(piece) + 2);
	assert_int_equal(text.data[0], 'a');
	assert_memory_equal(text.data + 1, piece, sizeof(piece));
	assert_int_equal(text.data[text.length - 1], 'b');
	free(text.data);
}

static void after_an_error_nothing_is_added(void **state)
{
	struct text text = {.error = -ENOMEM};

	(void)state;
	text_add_string(&text, "more");
	text_add_number(&text, 1);
	assert_int_equal(text.length, 0);
	assert_result(text.error, -ENOMEM);
	free(text.data);
}

static void writes_numbers(void **state)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {1, "1"},
	    {-1, "-1"},
	    {65536, "65536"},
	    {1000000, "1000000"},
	    {28232, "28232"},
	    {999999999999999, "999999999999999"},
	    {0.5, "0.5"},
	    {0.1, "0.1"},
	    {1.5, "1.5"},
	    {-0.25, "-0.25"},
	    {1e-6, "1e-06"},
	    {1e15, "1e+15"},
	    {1e300, "1e+300"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct text text = {0};

		text_add_number(&text, cases[i].number);
		assert_text(&text, cases[i].text);
		free(text.data);
	}
}

static void every_number_reads_back_exactly(void **state)
{
	static const double numbers[] = {1.0 / 3, 2.0 / 3, 7.0 / 19, 0.1 + 0.2, M_PI, DBL_MAX,
	    DBL_MIN, DBL_EPSILON, 5e-324, 1760000000.123456, 9007199254740993.0, 1e15 - 1, 1e15 + 1,
	    123456789012345678.0, -2.5e-7, 4294967296.5};

	(void)state;
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		struct text text = {0};

		text_add_number(&text, numbers[i]);
		text_add_char(&text, '\0');
		assert_number(strtod(text.data, NULL), numbers[i]);
		assert_true(text.length < 28);
		free(text.data);
	}
}

static void writes_what_is_no_number(void **state)
{
	struct text text = {0};

	(void)state;
	text_add_number(&text, NAN);
	text_add_char(&text, ' ');
	text_add_number(&text, INFINITY);
	text_add_char(&text, ' ');
	text_add_number(&text, -INFINITY);
	assert_text(&text, "NaN +Inf -Inf");
	free(text.data);
}

static void writes_bounds_as_floats(void **state)
{
	static const struct {
		double bound;
		const char *text;
	} cases[] = {
	    {0, "0.0"},
	    {1, "1.0"},
	    {10, "10.0"},
	    {60, "60.0"},
	    {86400, "86400.0"},
	    {999999, "999999.0"},
	    {1e6, "1e+06"},
	    {1234567.5, "1.2345675e+06"},
	    {1e21, "1e+21"},
	    {1e100, "1e+100"},
	    {0.5, "0.5"},
	    {2.5, "2.5"},
	    {12345.0625, "12345.0625"},
	    {0.001, "0.001"},
	    {0.003, "0.003"},
	    {0.0001, "0.0001"},
	    {0.00001, "1e-05"},
	    {2.5e-7, "2.5e-07"},
	    {0.1 + 0.2, "0.30000000000000004"},
	    {DBL_MAX, "1.7976931348623157e+308"},
	    {INFINITY, "+Inf"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct text text = {0};

		text_add_bound(&text, cases[i].bound);
		assert_text(&text, cases[i].text);
		free(text.data);
	}
}

/* The first and the last of each kind, and the characters beside them. */
static void what_turns_or_hides_text_becomes_question_marks(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
	    {"a\u061cb", "a??b"}, {"\u061b\u061d", "\u061b\u061d"}, {"\u200e\u200f", "??????"},
	    {"\u200d\u2010\u2027", "\u200d\u2010\u2027"},
	    {"\u2028\u2029\u202a\u202b\u202c\u202d\u202ex", "?????????????????????x"},
	    {"\u202f\u2030", "\u202f\u2030"}, {"\u2066\u2067\u2068\u2069", "????????????"},
	    {"\u2065\u206a", "\u2065\u206a"}, {"\ufeffroot", "???root"},
	    {"\ufefe\uff00", "\ufefe\uff00"}, {"\xe2\x80", "??"}, /* the beginning of one */
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char string[64];

		snprintf(string, sizeof(string), "%s", cases[i].from);
		text_make_printable(string);
		assert_string_equal(string, cases[i].to);
	}
}

static void control_characters_become_question_marks(void **state)
{
	char string[] = "a\033[31mb\a\b\t\n\r\x7f\x01\x1f c~ \xc3\xa9";

	(void)state;
	text_make_printable(string);
	assert_string_equal(string, "a?[31mb???????? c~ \xc3\xa9");
	string[0] = '\0';
	text_make_printable(string);
	assert_string_equal(string, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows),
	    cmocka_unit_test(adds_bytes_of_a_given_length),
	    cmocka_unit_test(one_piece_may_be_longer_than_twice_what_there_is),
	    cmocka_unit_test(after_an_error_nothing_is_added),
	    cmocka_unit_test(writes_numbers),
	    cmocka_unit_test(every_number_reads_back_exactly),
	    cmocka_unit_test(writes_what_is_no_number),
	    cmocka_unit_test(writes_bounds_as_floats),
	    cmocka_unit_test(control_characters_become_question_marks),
	    cmocka_unit_test(what_turns_or_hides_text_becomes_question_marks),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
