// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/json.h"

#include <stdlib.h>

#include "exporter/base/utf8.h"
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

/* What JSON allows as it is, and a terminal does not take for text. */
static void what_is_not_printable_is_escaped(void **state)
{
	struct json *object = json_new_object();

	(void)state;
	json_add_string(object, "text", "\x7f\xc2\x80\xc2\x9f\xc2\xa0\u061c\u202e\u2069\ufeff.");
	assert_printed(object, "{\"text\":\"\\u007f\\u0080\\u009f\xc2\xa0\\u061c\\u202e\\u2069"
			       "\\ufeff.\"}");
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
	json_add_number(NULL, "key", 1);
	json_add_bool(NULL, "key", true);
	json_append_number(NULL, 1);
	json_fail(NULL);
	assert_null(json_add_object(NULL, "key"));
	assert_null(json_add_array(NULL, "key"));
	assert_null(json_append_object(NULL));
	assert_null(json_print(NULL));
	json_free(NULL);
}

static void objects_and_arrays_nest(void **state)
{
	struct json *root = json_new_object();
	struct json *range = json_add_object(root, "range");
	struct json *list = json_add_array(root, "list");

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct json *item = json_append_object(list);

		json_add_number(item, "port", 40000 + i);
		if (i == 1)
			json_add_string(json_add_object(item, "owner"), "cgroup", "/a");
	}
	/* In any order: what was made first can still be added to. */
	json_add_number(range, "first", 1);
	json_add_array(range, "none");
	json_append_object(json_add_array(json_append_object(list), "deep"));
	assert_printed(root, "{\"range\":{\"first\":1,\"none\":[]},"
			     "\"list\":[{\"port\":40000},"
			     "{\"port\":40001,\"owner\":{\"cgroup\":\"/a\"}},"
			     "{\"port\":40002},{\"deep\":[{}]}]}");
}

static void numbers_are_numbers(void **state)
{
	struct json *object = json_new_object();

	(void)state;
	json_add_number(object, "zero", 0);
	json_add_number(object, "large", 4294967296);
	json_add_number(object, "part", 0.25);
	json_add_number(object, "negative", -1);
	assert_printed(object, "{\"zero\":0,\"large\":4294967296,\"part\":0.25,\"negative\":-1}");
}

static void truth_is_no_number(void **state)
{
	struct json *object = json_new_object();

	(void)state;
	json_add_bool(object, "yes", true);
	json_add_bool(object, "no", false);
	assert_printed(object, "{\"yes\":true,\"no\":false}");
}

static void arrays_hold_numbers_too(void **state)
{
	struct json *root = json_new_object();
	struct json *list = json_add_array(root, "fds");
	struct json *other = json_add_array(root, "none");

	(void)state;
	for (int i = 3; i < 6; i++)
		json_append_number(list, i);
	json_append_number(list, 4294967295.0);
	json_append_number(list, 0.25);
	json_append_number(list, -1);
	assert_non_null(other);
	assert_printed(root, "{\"fds\":[3,4,5,4294967295,0.25,-1],\"none\":[]}");
}

static void a_root_can_be_in_others(void **state)
{
	struct json *other = json_new_object();

	(void)state;
	json_add_number(other, "pid", 7);
	for (int i = 0; i < 2; i++) {
		struct json *object = json_new_object();

		json_add_root(object, "holder", other);
		json_add_number(object, "port", i);
		assert_printed(object, i ? "{\"holder\":{\"pid\":7},\"port\":1}"
					 : "{\"holder\":{\"pid\":7},\"port\":0}");
	}
	assert_printed(other, "{\"pid\":7}");
}

static void a_root_that_is_not_whole_is_in_none(void **state)
{
	struct json *object = json_new_object();
	struct json *other = json_new_object();

	(void)state;
	json_fail(other);
	json_add_root(object, "holder", other);
	assert_null(json_print(object));
	json_free(object);
	json_free(other);
	object = json_new_object();
	json_add_root(object, "holder", NULL);
	assert_null(json_print(object));
	json_free(object);
	json_add_root(NULL, "holder", NULL);
}

/* Half an answer would be taken for the whole. */
static void what_failed_is_not_printed(void **state)
{
	struct json *root = json_new_object();
	struct json *deep = json_append_object(json_add_array(root, "list"));
	char *printed;

	(void)state;
	json_add_number(deep, "port", 1);
	printed = json_print(root);
	assert_non_null(printed);
	free(printed);
	json_fail(deep);
	assert_null(json_print(root));
	/* Whatever is added later. */
	json_add_number(root, "port", 1);
	assert_null(json_print(root));
	json_free(root);
	root = json_new_object();
	json_fail(root);
	assert_null(json_print(root));
	json_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_object_may_be_empty),
	    cmocka_unit_test(strings_are_escaped),
	    cmocka_unit_test(what_is_not_printable_is_escaped),
	    cmocka_unit_test(invalid_utf8_is_replaced),
	    cmocka_unit_test(values_are_copied),
	    cmocka_unit_test(objects_and_arrays_nest),
	    cmocka_unit_test(numbers_are_numbers),
	    cmocka_unit_test(no_object_is_taken_everywhere),
	    cmocka_unit_test(truth_is_no_number),
	    cmocka_unit_test(arrays_hold_numbers_too),
	    cmocka_unit_test(a_root_can_be_in_others),
	    cmocka_unit_test(a_root_that_is_not_whole_is_in_none),
	    cmocka_unit_test(what_failed_is_not_printed),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
