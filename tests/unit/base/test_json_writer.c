// SPDX-License-Identifier: Apache-2.0
/* JSON written as it comes, and read again. */
#include "exporter/base/json_writer.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/base/json_reader.h"
#include "exporter/base/utf8.h"
#include "stdout_capture.h"
#include "unit.h"

static void assert_printed(struct json_writer *writer, const char *wanted)
{
	char *printed;

	stdout_capture();
	assert_result(json_writer_print(writer), 0);
	printed = stdout_captured();
	assert_string_equal(printed, wanted);
	free(printed);
}

static void commas_stand_between(void **state)
{
	struct json_writer writer = {.is_first = true};

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		json_writer_open(&writer, NULL, '{');
		json_writer_open(&writer, "empty", '{');
		json_writer_close(&writer, '}');
		json_writer_number(&writer, "zero", 0);
		json_writer_number(&writer, "most", UINT64_MAX);
		json_writer_open(&writer, "list", '[');
		json_writer_open(&writer, NULL, '{');
		json_writer_bool(&writer, "yes", true);
		json_writer_close(&writer, '}');
		json_writer_open(&writer, NULL, '{');
		json_writer_bool(&writer, "no", false);
		json_writer_close(&writer, '}');
		json_writer_close(&writer, ']');
		json_writer_string(&writer, "text", "");
		json_writer_close(&writer, '}');
		/* It is empty again for the next. */
		assert_printed(&writer,
		    "{\"empty\":{},\"zero\":0,\"most\":18446744073709551615,"
		    "\"list\":[{\"yes\":true},{\"no\":false}],\"text\":\"\"}\n");
	}
	free(writer.text.data);
}

static void strings_are_escaped_as_elsewhere(void **state)
{
	struct json_writer writer = {.is_first = true};

	(void)state;
	json_writer_open(&writer, NULL, '[');
	json_writer_string(&writer, NULL, "a\"b\\c\n\x01\x7f");
	json_writer_string(&writer, NULL, "\xc3\xa9\xf0\x9f\x98\x80\xc2\x9f\xe2\x80\xae");
	json_writer_string(&writer, NULL, "\xff\xe2\x82");
	json_writer_close(&writer, ']');
	assert_printed(&writer,
	    "[\"a\\\"b\\\\c\\u000a\\u0001\\u007f\",\"\xc3\xa9\xf0\x9f\x98\x80\\u009f\\u202e\","
	    "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT "\"]\n");
	free(writer.text.data);
}

static void members_are_found_by_name_and_kind(void **state)
{
	struct json_value *value =
	    json_parse("{\"text\":\"a\",\"TEXT\":\"b\",\"number\":7,\"half\":0.5,"
		       "\"less\":-1,\"yes\":true,\"in\":{\"text\":\"c\"}}");
	unsigned long number = 99;

	(void)state;
	assert_non_null(value);
	assert_string_equal(json_get_string(value, "text"), "a");
	assert_string_equal(json_get_string(json_get_object(value, "in"), "text"), "c");
	assert_null(json_get_string(value, "number"));
	assert_null(json_get_object(value, "text"));
	assert_null(json_get_string(NULL, "text"));
	assert_true(json_get_whole(value, "number", 7, &number) && number == 7);
	number = 99;
	assert_false(json_get_whole(value, "number", 6, &number));
	assert_false(json_get_whole(value, "half", 9, &number));
	assert_false(json_get_whole(value, "less", 9, &number));
	assert_false(json_get_whole(value, "none", 9, &number));
	assert_int_equal(number, 99);
	assert_true(json_get_bool(value, "yes"));
	assert_false(json_get_bool(value, "number"));
	json_value_free(value);
	assert_null(json_parse("{} {}"));
	assert_null(json_parse(""));
	json_value_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commas_stand_between),
	    cmocka_unit_test(strings_are_escaped_as_elsewhere),
	    cmocka_unit_test(members_are_found_by_name_and_kind),
	};

	return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
