// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "web_configs.h"

struct long_text {
	char *data;
	size_t length;
};

static struct long_text begin(const char *text)
{
	struct long_text made = {malloc(4 * MEBIBYTE), strlen(text)};

	assert_non_null(made.data);
	memcpy(made.data, text, made.length);
	return made;
}

static void append(struct long_text *text, const char *format, unsigned number)
{
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
	text->length += (size_t)sprintf(text->data + text->length, format, number);
}

/* head, then format for 0 to count - 1, then tail. */
static int parse_many(const char *head, const char *format, unsigned count, const char *tail)
{
	struct long_text text = begin(head);

	for (unsigned i = 0; i < count; i++)
		append(&text, format, i);
	append(&text, tail, 0);

	const int result = parse(text.data, text.length);

	free(text.data);
	return result;
}

static void users_are_bounded_and_sorted(void **state)
{
	(void)state;
	assert_result(parse_many("basic_auth_users:\n", "  u%u: " HASH "\n", 1000, ""), 0);
	assert_int_equal(config->users_length, 1000);
	for (size_t i = 1; i < config->users_length; i++)
		assert_true(strcmp(config->users[i - 1].name, config->users[i].name) < 0);
	drop();
	assert_refused(parse_many("basic_auth_users:\n", "  u%u: " HASH "\n", 1001, ""), -EINVAL,
	    "web.yml:1: basic_auth_users: more than 1000 users");
}

static void lists_are_bounded(void **state)
{
	(void)state;
	assert_result(parse_many("auth_excluded_paths:\n", "- /%u\n", 100, ""), 0);
	assert_int_equal(config->excluded_paths.length, 100);
	drop();
	assert_refused(parse_many("\nauth_excluded_paths:\n", "- /%u\n", 101, ""), -EINVAL,
	    "web.yml:2: auth_excluded_paths: more than 100 entries");
}

static void headers_are_bounded(void **state)
{
	(void)state;
	assert_result(parse_many(HEADER "X-XSS-Protection: ", "%1u", 1, ""), 0);
	drop();
	assert_result(parse_many(HEADER "X-XSS-Protection: ", "%08u", 512, ""), 0);
	assert_int_equal(strlen(config->headers[0].value), 4096);
	drop();
	assert_refused(parse_many(HEADER "X-XSS-Protection: ", "%08u", 512, "9"), -EINVAL,
	    "web.yml:3: http_server_config: headers: X-XSS-Protection: must have at most 4096 "
	    "characters");
}

static void trees_are_bounded(void **state)
{
	(void)state;
	/* The key, its list and what is in it. */
	assert_refused(
	    parse_many("a: [", "%u,", 9997, "]"), -EINVAL, "web.yml:1: unknown key \"a\"");
	assert_refused(
	    parse_many("a: [", "%u,", 9998, "]"), -EINVAL, "web.yml:1: more than 10000 values");
	assert_refused(parse_many("a: &a\nb: [", "*a,", 9998, "]"), -EINVAL,
	    "web.yml:2: more than 10000 values");
	assert_refused(
	    parse_many("a: [", "&a%u x,", 100, "]"), -EINVAL, "web.yml:1: unknown key \"a\"");
	assert_refused(
	    parse_many("a: [", "&a%u x,", 101, "]"), -EINVAL, "web.yml:1: more than 100 anchors");
	assert_result(parse_many("", "%%TAG !a%u! b\n", 100, "---\n{}\n"), 0);
	drop();
	assert_refused(parse_many("", "%%TAG !a%u! b\n", 101, "---\n{}\n"), -EINVAL,
	    "web.yml: more than 100 %TAG directives");
}

static void files_are_bounded(void **state)
{
	(void)state;
	/* 1 MiB and a byte less, of comments. */
	assert_result(parse_many("", "#%014u\n", MEBIBYTE / 16, ""), 0);
	drop();
	assert_refused(parse_many("", "#%014u\n", MEBIBYTE / 16, "\n"), -EFBIG,
	    "web.yml: is larger than 1 MiB");
}

/* Each is repeated until there is a mebibyte. */
static void a_mebibyte_of_anything_ends_soon(void **state)
{
	static const char *const pieces[] = {"[", "{", "- ", "? ", "- - - - - - - - - ", ": ",
	    "a: ", "a:\n ", "&a ", "*a ", "!a ", "\"", "\"\"\n", "'", "''", "#", "#\n", "\n", " ",
	    "\t", "%TAG !a! b\n", "%YAML 1.1\n", "% ", "%A\n", "|\n", ">\n ", ">\n\n a", ",", "[,",
	    "{a: ", "[]", "a", "a ", "a\n", "- a\n", "- - a\n- ", "---\n", "...\n", "a: &a [*a]\n",
	    "\\", "\xef\xbb\xbf", "\xc2\x85", "\xe2\x80\xa8%TAG a b\n", "?", "<<: a\n",
	    "{\"a\":", "@", "`", "&a", "*a", "!", "!!", "!<a>", "[a, ", "[?", "{?a: "};
	static const char *const heads[] = {"", "a: ["};
	char *text = malloc(MEBIBYTE);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LENGTH(pieces) * LENGTH(heads); i++) {
		const char *piece = pieces[i / LENGTH(heads)];
		const char *head = heads[i % LENGTH(heads)];
		struct timespec start;
		struct timespec end;

		for (size_t j = 0, at = 0; j < MEBIBYTE; j++, at++)
			text[j] =
			    j < strlen(head) ? head[j] : piece[(j - strlen(head)) % strlen(piece)];
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		config = NULL;
		(void)web_config_parse(text, MEBIBYTE, "web.yml", "/nonexistent", &config, error);
		drop();
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

		const double seconds = (double)(end.tv_sec - start.tv_sec) +
				       (double)(end.tv_nsec - start.tv_nsec) / 1e9;

		if (seconds > 3)
			fail_msg("\"%s\", then many \"%s\": %.1f s", head, piece, seconds);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(users_are_bounded_and_sorted),
	    cmocka_unit_test(lists_are_bounded),
	    cmocka_unit_test(headers_are_bounded),
	    cmocka_unit_test(trees_are_bounded),
	    cmocka_unit_test(files_are_bounded),
	    cmocka_unit_test(a_mebibyte_of_anything_ends_soon),
	};

	return cmocka_run_group_tests_name("web_config_bounds", tests, NULL, NULL);
}
