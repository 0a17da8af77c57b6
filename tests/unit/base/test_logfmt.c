// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/logfmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/text.h"
#include "unit.h"

static void assert_pair(const char *key, const char *value, const char *wanted)
{
	struct text line = {0};

	logfmt_add(&line, key, value);
	text_add_char(&line, '\0');
	assert_result(line.error, 0);
	assert_string_equal(line.data, wanted);
	free(line.data);
}

static void plain_values_stand_as_they_are(void **state)
{
	(void)state;
	assert_pair("msg", "Listening", "msg=Listening");
	assert_pair("address", "[::1]:10059", "address=[::1]:10059");
	assert_pair("user", "m\xc3\xbcller", "user=m\xc3\xbcller");
	assert_pair("user", "it's", "user=it's");
	assert_pair("user", "\xf0\x9f\x8c\x8d", "user=\xf0\x9f\x8c\x8d");
}

static void what_could_be_taken_for_something_else_is_quoted(void **state)
{
	(void)state;
	assert_pair("a", "", "a=\"\"");
	assert_pair("a", " ", "a=\" \"");
	assert_pair("a", "b=c", "a=\"b=c\"");
	assert_pair("a", "\"", "a=\"\\\"\"");
	assert_pair("a", "\\", "a=\"\\\\\"");
	assert_pair("a", "x\" level=error msg=\"forged", "a=\"x\\\" level=error msg=\\\"forged\"");
	assert_pair("a", "x\nts=0", "a=\"x\\nts=0\"");
}

static void every_control_character_is_escaped(void **state)
{
	char value[3] = "";
	char wanted[16];

	(void)state;
	assert_pair("a", "\t\r\n", "a=\"\\t\\r\\n\"");
	for (unsigned c = 1; c < 0xa0; c = c == 0x1f ? 0x7f : c + 1) {
		if (strchr("\t\r\n", (int)c))
			continue;
		value[0] = (char)(c < 0x80 ? c : 0xc2);
		value[1] = (char)(c < 0x80 ? 0 : c);
		snprintf(wanted, sizeof(wanted), "a=\"\\u%04x\"", c);
		assert_pair("a", value, wanted);
	}
}

static void what_reorders_or_hides_text_is_escaped(void **state)
{
	(void)state;
	assert_pair("a", "\xd8\x9c", "a=\"\\u061c\"");
	assert_pair("a", "x\xe2\x80\xaegpj.exe", "a=\"x\\u202egpj.exe\"");
	assert_pair("a", "\xe2\x80\xa8", "a=\"\\u2028\"");
	assert_pair("a", "\xe2\x81\xa9", "a=\"\\u2069\"");
	assert_pair("a", "\xef\xbb\xbf", "a=\"\\ufeff\"");
}

static void each_byte_that_is_not_utf_8_is_replaced(void **state)
{
	(void)state;
	assert_pair("a", "\x80", "a=\"\\ufffd\"");
	assert_pair("a", "x\xffy", "a=\"x\\ufffdy\"");
	assert_pair("a", "\xc2", "a=\"\\ufffd\"");
	/* Overlong: of a slash and of a newline. */
	assert_pair("a", "\xc0\xaf", "a=\"\\ufffd\\ufffd\"");
	assert_pair("a", "\xe0\x80\x8a", "a=\"\\ufffd\\ufffd\\ufffd\"");
	/* A surrogate, and what is above U+10FFFF. */
	assert_pair("a", "\xed\xa0\x80", "a=\"\\ufffd\\ufffd\\ufffd\"");
	assert_pair("a", "\xf4\x90\x80\x80", "a=\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	/* A character that is cut does not take the quote with it. */
	assert_pair("a", "\xe2\x80\"", "a=\"\\ufffd\\ufffd\\\"\"");
}

static void a_key_stays_one_key(void **state)
{
	(void)state;
	assert_pair("", "x", "_=x");
	assert_pair("a b", "x", "a_b=x");
	assert_pair("a=b\"\\", "x", "a_b__=x");
	assert_pair("a\n\x7f\xff", "x", "a___=x");
	assert_pair("\xc2\x85\xe2\x80\xae", "x", "__=x");
}

static void pairs_are_apart(void **state)
{
	struct text line = {0};

	(void)state;
	logfmt_add(&line, "a", "1");
	logfmt_add(&line, "b", "2 3");
	text_add_char(&line, '\0');
	assert_string_equal(line.data, "a=1 b=\"2 3\"");
	free(line.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_values_stand_as_they_are),
	    cmocka_unit_test(what_could_be_taken_for_something_else_is_quoted),
	    cmocka_unit_test(every_control_character_is_escaped),
	    cmocka_unit_test(what_reorders_or_hides_text_is_escaped),
	    cmocka_unit_test(each_byte_that_is_not_utf_8_is_replaced),
	    cmocka_unit_test(a_key_stays_one_key),
	    cmocka_unit_test(pairs_are_apart),
	};

	return cmocka_run_group_tests_name("logfmt", tests, NULL, NULL);
}
