// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/api_parameters.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* A query: names and values in turn. */
static const char *const *query;

static void each_parameter(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	(void)source;
	for (size_t i = 0; query[i]; i += 2)
		each(context, query[i], query[i + 1]);
}

static bool given(const char *const *parameters, bool is_guarded, struct route *route)
{
	const struct site site = {.api = true, .api_is_guarded = is_guarded};
	const struct http_request request = {.parameters = each_parameter};

	query = parameters;
	*route = (struct route){0};
	return api_parameters_read(&site, &request, route);
}

static void assert_wrong(const char *const *parameters, const char *words)
{
	struct route route;

	assert_false(given(parameters, true, &route));
	assert_int_equal(route.answer.status, 400);
	assert_memory_equal(route.answer.type, "application/json", 16);
	if (!strstr(route.answer.body, words))
		fail_msg("%s does not say %s", route.answer.body, words);
	answer_release(&route.answer);
}

static void each_has_a_value_without_the_query(void **state)
{
	static const char *const none[] = {NULL};
	struct route route;

	(void)state;
	assert_true(given(none, false, &route));
	assert_int_equal(route.limit, 20);
	assert_false(route.owners);
	assert_string_equal(route.namespace, "");
}

static void each_is_read_once(void **state)
{
	static const char *const all[] = {
	    "namespace", "shop/cart", "owners", "true", "limit", "7", NULL};
	static const char *const twice[][5] = {{"limit", "7", "limit", "7", NULL},
	    {"owners", "true", "owners", "maybe", NULL}, {"namespace", "a", "namespace", "b", NULL},
	    {"namespace", "a", "namespace", NULL, NULL}};
	char words[64];
	struct route route;

	(void)state;
	assert_true(given(all, true, &route));
	assert_int_equal(route.limit, 7);
	assert_true(route.owners);
	assert_string_equal(route.namespace, "shop/cart");
	for (size_t i = 0; i < LENGTH(twice); i++) {
		snprintf(words, sizeof(words), "%s is given more than once", twice[i][0]);
		assert_wrong(twice[i], words);
	}
}

/* Else the exporter's own namespace would be the answer about another one. */
static void a_known_name_in_other_letters_is_refused(void **state)
{
	static const char *const others[][3] = {
	    {"Namespace", "nc_a", NULL}, {"LIMIT", "5", NULL}, {"owneRs", NULL, NULL}};

	(void)state;
	assert_wrong(others[0], "no parameter \\\"Namespace\\\"; did you mean \\\"namespace\\\"?");
	assert_wrong(others[1], "did you mean \\\"limit\\\"?");
	assert_wrong(others[2], "did you mean \\\"owners\\\"?");
}

static void any_other_name_is_ignored(void **state)
{
	static const char *const others[] = {"limits", "0", "limit[]", "0", "_", "1", "", NULL,
	    "name", "a", "_", "2", "namespaces", "a", NULL};
	struct route route;

	(void)state;
	assert_true(given(others, true, &route));
	assert_int_equal(route.limit, 20);
	assert_string_equal(route.namespace, "");
}

static void the_first_that_is_wrong_is_named(void **state)
{
	static const char *const wrong[] = {
	    "limit", "0", "owners", "maybe", "Limit", "1", "limit", "1", NULL};

	(void)state;
	assert_wrong(wrong, "limit must be a whole number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_has_a_value_without_the_query),
	    cmocka_unit_test(each_is_read_once),
	    cmocka_unit_test(a_known_name_in_other_letters_is_refused),
	    cmocka_unit_test(any_other_name_is_ignored),
	    cmocka_unit_test(the_first_that_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("api_parameters", tests, NULL, NULL);
}
