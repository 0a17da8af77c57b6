// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

static size_t length_of(const char *string)
{
	/* With its NUL, which is what ends it. */
	struct guarded guarded = guard(string, strlen(string) + 1, 1);
	const size_t length = utf8_length(guarded.bytes);

	guard_free(&guarded);
	return length;
}

static size_t encode(unsigned code, char *bytes)
{
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	bytes[0] = (char)(0xf0 | code >> 18);
	bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static void every_character_of_unicode_is_valid(void **state)
{
	(void)state;
	for (unsigned code = 1; code < 0x110000; code++) {
		const int surrogate = code >= 0xd800 && code <= 0xdfff;
		char bytes[8] = {0};
		const size_t length = encode(code, bytes);

		bytes[length] = 'x';
		if (utf8_length(bytes) != (surrogate ? 0 : length))
			fail_msg("U+%04X: %zu", code, utf8_length(bytes));
	}
}

static void what_is_not_is_not(void **state)
{
	static const char *const bad[] = {
	    "\x80",
	    "\xbf",
	    "\xc0\x80",
	    "\xc1\xbf", /* continuations, overlong */
	    "\xc2",
	    "\xc2x",
	    "\xc2\xc2", /* cut off */
	    "\xe0\x80\x80",
	    "\xe0\x9f\xbf", /* overlong */
	    "\xe1\x80",
	    "\xe1\x80x",
	    "\xe1",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf", /* surrogates */
	    "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf", /* overlong */
	    "\xf1\x80\x80",
	    "\xf1\x80\x80x",
	    "\xf1\x80",
	    "\xf1", /* cut off */
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", /* beyond U+10FFFF */
	    "\xf8\x88\x80\x80\x80",
	    "\xfe",
	    "\xff",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (length_of(bad[i]) != 0)
			fail_msg("case %zu was taken for a character", i);
}

static void assert_made(const char *string, const char *wanted)
{
	struct guarded guarded = guard(string, strlen(string) + 1, 1);
	char *found = utf8_make_valid(guarded.bytes);

	assert_non_null(found);
	assert_string_equal(found, wanted);
	free(found);
	guard_free(&guarded);
}

static void makes_strings_valid(void **state)
{
	(void)state;
	assert_made("", "");
	assert_made("plain", "plain");
	assert_made(
	    "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_made("a\xff"
		    "b",
	    "a" UTF8_REPLACEMENT "b");
	assert_made("\xe2\x82", UTF8_REPLACEMENT UTF8_REPLACEMENT);
	assert_made("\xc3(", UTF8_REPLACEMENT "(");
	assert_made("\xff\xff\xff", UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT);
}

static void what_was_made_valid_is_valid(void **state)
{
	char string[257];

	(void)state;
	for (size_t i = 0; i < 256; i++)
		string[i] = (char)(i ^ 0xa5 ? i ^ 0xa5 : 1);
	string[256] = '\0';

	char *valid = utf8_make_valid(string);

	assert_non_null(valid);
	for (const char *at = valid; *at; at += utf8_length(at))
		assert_true(utf8_length(at) > 0);
	free(valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_character_of_unicode_is_valid),
	    cmocka_unit_test(what_is_not_is_not),
	    cmocka_unit_test(makes_strings_valid),
	    cmocka_unit_test(what_was_made_valid_is_valid),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
