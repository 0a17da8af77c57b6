// SPDX-License-Identifier: Apache-2.0
/* Which network namespace an answer is about, and the command that enters it. */
#include "exporter/commands/namespace_hint.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

static void assert_printed(const char *what, const char *path, const char *expected)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	namespace_hint_print(file, what, path);
	fclose(file);
	assert_string_equal(text, expected);
	free(text);
}

#define HINT " Run a command that is printed here as: nsenter --net="

static void a_plain_path_stays_as_it_is(void **state)
{
	(void)state;
	assert_printed("network namespace blue", "/run/netns/cni-52f2",
	    "This is about network namespace blue." HINT "/run/netns/cni-52f2 COMMAND\n");
	assert_printed("network namespace blue", NULL, "This is about network namespace blue.\n");
}

static void a_path_is_quoted_for_the_shell(void **state)
{
	(void)state;
	assert_printed("x", "/n/a b", "This is about x." HINT "'/n/a b' COMMAND\n");
	assert_printed("x", "/n/$(id)", "This is about x." HINT "'/n/$(id)' COMMAND\n");
	assert_printed("x", "~/n", "This is about x." HINT "'~/n' COMMAND\n");
	assert_printed("x", "/n/a;b", "This is about x." HINT "'/n/a;b' COMMAND\n");
	assert_printed("x", "/n/it's", "This is about x." HINT "'/n/it'\\''s' COMMAND\n");
	assert_printed("x", "/n/\xc3\xa9", "This is about x." HINT "'/n/\xc3\xa9' COMMAND\n");
}

static void what_must_not_reach_a_terminal_is_left_out(void **state)
{
	(void)state;
	assert_false(namespace_hint_can_show("/n/\x1b[31mred"));
	assert_false(namespace_hint_can_show("/n/\xff"));
	assert_true(namespace_hint_can_show("/n/\xc3\xa9 it's"));
	assert_printed("network namespace \x1b[31mred", "/n/\x1b[31mred",
	    "This is about network namespace ?[31mred.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_path_stays_as_it_is),
	    cmocka_unit_test(a_path_is_quoted_for_the_shell),
	    cmocka_unit_test(what_must_not_reach_a_terminal_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
