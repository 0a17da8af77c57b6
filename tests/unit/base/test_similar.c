// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/similar.h"

#include <string.h>

#include "unit.h"

static void edits_are_counted(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		unsigned distance;
	} pairs[] = {
	    {"", "", 0},
	    {"port", "port", 0},
	    {"", "ab", 2},
	    {"namespaces", "namespace", 1},
	    {"limt", "limit", 1},
	    {"limot", "limit", 1},
	    {"prot", "port", 1},
	    {"prto", "port", 2},
	    {"kitten", "mitts", 3},
	    {"abcdefgh", "hgfedcba", 3},
	    {"", "abcd", 3},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(pairs); i++) {
		assert_int_equal(similar_distance(pairs[i].a, pairs[i].b), pairs[i].distance);
		assert_int_equal(similar_distance(pairs[i].b, pairs[i].a), pairs[i].distance);
	}
}

static void long_words_are_never_alike(void **state)
{
	char word[SIMILAR_SIZE + 1];

	(void)state;
	memset(word, 'x', sizeof(word));
	word[SIMILAR_SIZE] = '\0';
	assert_int_equal(similar_distance(word, word), SIMILAR_FAR);
	word[SIMILAR_SIZE - 1] = '\0';
	assert_int_equal(similar_distance(word, word), 0);
	assert_int_equal(similar_distance(word, word + 1), 1);
}

static const char *found(const char *asked)
{
	static const char *const words[] = {"namespaces", "namespace", "port", "at", "limit"};
	static struct similar similar;

	similar_begin(&similar, asked);
	for (size_t i = 0; i < LENGTH(words); i++)
		similar_try(&similar, words[i]);
	return similar.found;
}

static void the_most_alike_is_found(void **state)
{
	(void)state;
	assert_string_equal(found("namespac"), "namespace");
	assert_string_equal(found("namespacess"), "namespaces");
	assert_string_equal(found("limti"), "limit");
	assert_string_equal(found("nonsense"), "");
	/* Two edits make anything of a word of two letters. */
	assert_string_equal(found("xx"), "");
	assert_string_equal(found(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(edits_are_counted),
	    cmocka_unit_test(long_words_are_never_alike),
	    cmocka_unit_test(the_most_alike_is_found),
	};

	return cmocka_run_group_tests_name("similar", tests, NULL, NULL);
}
