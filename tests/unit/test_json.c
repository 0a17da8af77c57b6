// SPDX-License-Identifier: Apache-2.0
#include "exporter/json.h"

#include <stdlib.h>

#include "exporter/utf8.h"
#include "unit.h"

static void assert_printed(struct json *object, const char *wanted)
{
	char *printed = json_print(object);

	assert_non_null(printed);
	assert_string_equal(printed, wanted);
	free(printed);
	json_free(object);
}

static void an_object_may_be_empty(void **state)
{
	(void)state;
	assert_printed(json_new_object(), "{}");
}

static void strings_are_escaped(void **state)
{
	struct json *object = json_new_object();

	(void)state;
	json_add_string(object, "plain", "value");
	json_add_string(object, "quotes", "a\"b\\c");
	json_add_string(object, "control", "\n\t\r\b\f\x01\x1f");
	json_add_string(object, "key \"quoted\"", "");
	json_add_string(object, "utf8", "\xc3\xa9\xf0\x9f\x98\x80");
	assert_printed(object,
	    "{\"plain\":\"value\",\"quotes\":\"a\\\"b\\\\c\","
	    "\"control\":\"\\n\\t\\r\\b\\f\\u0001\\u001f\","
	    "\"key \\\"quoted\\\"\":\"\",\"utf8\":\"\xc3\xa9\xf0\x9f\x98\x80\"}");
}

static void invalid_utf8_is_replaced(void **state)
{
	struct json *object = json_new_object();

	(void)state;
	json_add_string(object, "error", "\"\xff\" and \xe2\x82");
	assert_printed(object, "{\"error\":\"\\\"" UTF8_REPLACEMENT
			       "\\\" and " UTF8_REPLACEMENT UTF8_REPLACEMENT "\"}");
}

static void values_are_copied(void **state)
{
	struct json *object = json_new_object();
	char value[] = "before";

	(void)state;
	json_add_string(object, "key", value);
	value[0] = 'x';
	assert_printed(object, "{\"key\":\"before\"}");
}

static void no_object_is_taken_everywhere(void **state)
{
	(void)state;
	json_add_string(NULL, "key", "value");
	assert_null(json_print(NULL));
	json_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_object_may_be_empty),
	    cmocka_unit_test(strings_are_escaped),
	    cmocka_unit_test(invalid_utf8_is_replaced),
	    cmocka_unit_test(values_are_copied),
	    cmocka_unit_test(no_object_is_taken_everywhere),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
