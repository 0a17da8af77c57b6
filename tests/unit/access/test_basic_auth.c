// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/basic_auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

/* The byte behind the value cannot be read. */
static int read_value(const char *value, size_t length, struct basic_auth *auth)
{
	struct guarded guarded = guard(value, length, 1);
	const int result = basic_auth_read(guarded.bytes, length, auth);

	guard_free(&guarded);
	return result;
}

static void assert_read(const char *value, const char *name, const char *password)
{
	struct basic_auth auth;

	assert_result(read_value(value, strlen(value), &auth), 0);
	assert_string_equal(auth.name, name);
	assert_string_equal(auth.password, password);
	basic_auth_release(&auth);
	assert_null(auth.name);
}

static void assert_refused(const char *value, size_t length)
{
	struct basic_auth auth;
	const int result = read_value(value, length, &auth);

	if (result != -EINVAL)
		print_error("%s\n", value);
	assert_result(result, -EINVAL);
}

static void name_and_password_are_read(void **state)
{
	(void)state;
	assert_read("Basic YWxpY2U6c2VjcmV0", "alice", "secret");
	assert_read("Basic YWxpY2U6", "alice", "");
	assert_read("Basic OnNlY3JldA==", "", "secret");
	assert_read("Basic Og==", "", "");
	/* Up to the first colon. */
	assert_read("Basic YTpiOmM=", "a", "b:c");
	/* Bytes that are not ASCII are as they were sent: UTF-8 here. */
	assert_read("Basic w6Q6w7Y=", "\xc3\xa4", "\xc3\xb6");
}

static void every_byte_is_decoded(void **state)
{
	/* A colon, then the bytes from 0x20 to 0xff without 0x7f. All 64 digits occur. */
	static const char value[] =
	    "Basic OiAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFla"
	    "W1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5"
	    "ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc"
	    "3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=";
	char password[256] = "";
	size_t length = 0;

	(void)state;
	for (int byte = 0x20; byte <= 0xff; byte++)
		if (byte != 0x7f)
			password[length++] = (char)byte;
	assert_read(value, "", password);
}

static void the_scheme_has_no_case(void **state)
{
	(void)state;
	assert_read("basic YWxpY2U6c2VjcmV0", "alice", "secret");
	assert_read("BASIC YWxpY2U6c2VjcmV0", "alice", "secret");
	assert_read("bAsIc   YWxpY2U6c2VjcmV0", "alice", "secret");
	assert_read(" \tBasic YWxpY2U6c2VjcmV0\t ", "alice", "secret");
}

static void other_schemes_are_refused(void **state)
{
	static const char *const values[] = {"", " ", "Basic", "Basic ", "Basic    ", "Basi YTpi",
	    "BasicYTpi", "Basic\tYTpi", "Basics YTpi", "Bearer YTpi", "YTpi",
	    "Digest username=\"a\"", "B\xc3\xa4sic YTpi"};

	(void)state;
	for (size_t i = 0; i < LENGTH(values); i++)
		assert_refused(values[i], strlen(values[i]));
}

static void base64_is_strict(void **state)
{
	static const char *const texts[] = {
	    "YWxpY2U6c2VjcmV0=", "YWxpY2U6c2VjcmV0====", "YWxpY2U6", /* the last one is right */
	    "YTp", "YTpiOmM", "YTpiOmM==", "Og=", "Og", "O===", "====", "==", "=",
	    "Og==Og==", "YT pi", "YTpi YTpi", "YTp\ni", "YT-_", "YTpi!!!!", "YTpi,YTpi",
	    "Oh==",	/* bits behind the last byte */
	    "YTpiOmN=", /* the same */
	};
	char value[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		const int length = snprintf(value, sizeof(value), "Basic %s", texts[i]);

		if (i != 2)
			assert_refused(value, (size_t)length);
	}
}

static void a_zero_byte_ends_nothing(void **state)
{
	(void)state;
	/* In the header's value itself. */
	assert_refused("Basic YTpi\0", 11);
	assert_refused("Basic YTpi\0YTpi", 15);
	assert_refused("Basic\0YTpi", 10);
	/* "alice:secret\0x", "alice:secret\0", "alice\0x:secret". */
	assert_refused("Basic YWxpY2U6c2VjcmV0AHg=", 26);
	assert_refused("Basic YWxpY2U6c2VjcmV0AA==", 26);
	assert_refused("Basic YWxpY2UAeDpzZWNyZXQ=", 26);
}

static void control_characters_are_refused(void **state)
{
	(void)state;
	/* "a\n:b", "a:\tb", "a:b\177", "\1a:b". */
	assert_refused("Basic YQo6Yg==", 14);
	assert_refused("Basic YToJYg==", 14);
	assert_refused("Basic YTpifw==", 14);
	assert_refused("Basic AWE6Yg==", 14);
}

static void without_a_colon_there_is_no_name(void **state)
{
	(void)state;
	assert_refused("Basic YWxpY2U=", 14);
}

static void nothing_is_read_past_the_end(void **state)
{
	static const char value[] = "Basic YWxpY2U6c2VjcmV0";
	struct basic_auth auth;

	(void)state;
	for (size_t length = 0; length < sizeof(value); length++) {
		const int result = read_value(value, length, &auth);

		/* "alice:" is whole after 14 bytes, and then after each fourth. */
		assert_result(result, length >= 14 && (length - 14) % 4 == 0 ? 0 : -EINVAL);
		if (result == 0)
			basic_auth_release(&auth);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(name_and_password_are_read),
	    cmocka_unit_test(every_byte_is_decoded),
	    cmocka_unit_test(the_scheme_has_no_case),
	    cmocka_unit_test(other_schemes_are_refused),
	    cmocka_unit_test(base64_is_strict),
	    cmocka_unit_test(a_zero_byte_ends_nothing),
	    cmocka_unit_test(control_characters_are_refused),
	    cmocka_unit_test(without_a_colon_there_is_no_name),
	    cmocka_unit_test(nothing_is_read_past_the_end),
	};

	return cmocka_run_group_tests_name("basic_auth", tests, NULL, NULL);
}
