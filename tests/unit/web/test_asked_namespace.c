// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/asked_namespace.h"

#include <string.h>

#include "exporter/web/endpoints.h"
#include "unit.h"

static const char *const paths[] = {
    "/api/v1/ports", "/api/v1/ports/80", "/api/v1/destinations", "/api/v1/range"};

static struct site site;
static const char *value; /* of namespace= */

static void each_parameter(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	(void)source;
	each(context, "namespace", value);
}

static int set_up(void **state)
{
	(void)state;
	site = (struct site){
	    .telemetry_path = "/metrics", .api = true, .api_is_guarded = true, .first_view = 9};
	value = NULL;
	return 0;
}

static struct route find(const char *path, const char *name)
{
	const struct http_request request = {.method = "GET",
	    .path = path,
	    .target = path,
	    .from_unix = true,
	    .parameters = each_parameter};

	value = name;
	return route_find(&site, &request);
}

static void assert_error(struct route route, unsigned status, const char *words)
{
	char body[600];

	assert_null(route.endpoint);
	assert_int_equal(route.answer.status, status);
	assert_in_range(route.answer.length, 1, sizeof(body) - 1);
	memcpy(body, route.answer.body, route.answer.length);
	body[route.answer.length] = '\0';
	assert_non_null(strstr(body, words));
	answer_release(&route.answer);
}

static void a_name_asks_for_the_views_of_that_namespace_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		const struct route route = find(paths[i], "shop/cart");

		assert_non_null(route.endpoint);
		assert_int_equal(route.endpoint->need, NEED_WALK);
		assert_string_equal(route.namespace, "shop/cart");
		assert_int_equal(route.asked, 1u << (9 + VIEW_NAMESPACES));
	}
	assert_int_equal(find("/api/v1/ports/80", "x").port, 80);
	assert_false(route_may_ask_api(&site, &(struct http_request){0}));
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const wrong[] = {"", NULL, "all"};
	char name[NETNS_ASKED_NAME + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[NETNS_ASKED_NAME] = '\0';
	for (size_t i = 0; i < LENGTH(paths); i++) {
		for (size_t j = 0; j < LENGTH(wrong); j++)
			assert_error(find(paths[i], wrong[j]), 400, "namespace");
		assert_error(find(paths[i], name), 400, "namespace must be");
	}
	name[NETNS_ASKED_NAME - 1] = '\0';
	assert_string_equal(find(paths[0], name).namespace, name);
}

static void without_all_namespaces_the_flag_is_named(void **state)
{
	(void)state;
	site.api_is_guarded = false;
	for (size_t i = 0; i < LENGTH(paths); i++)
		assert_error(find(paths[i], "x"), 400, "--namespaces=all");
	assert_error(find("/api/v1/namespaces", "x"), 404, "--namespaces=all");
}

static void the_list_is_of_all(void **state)
{
	const struct route route = find("/api/v1/namespaces", "x");

	(void)state;
	assert_non_null(route.endpoint);
	assert_string_equal(route.namespace, "");
	assert_int_equal(route.asked, 1u << (9 + VIEW_NAMESPACES));
}

static void answers_of_different_namespaces_and_ports_differ(void **state)
{
	const struct route route = find("/api/v1/ports", "x");
	struct route other = find("/api/v1/ports", "x");

	(void)state;
	assert_true(route_is_same(&route, &other));
	other = find("/api/v1/ports", "y");
	assert_false(route_is_same(&route, &other));
	other = route;
	other.port = 80;
	assert_false(route_is_same(&route, &other));
}

static void a_scrape_that_was_not_asked_is_no_answer(void **state)
{
	static struct asked_list asked;
	const struct scrape_result found = {.namespaces = &asked};
	const struct route others = find("/api/v1/ports", "y");
	const struct route its = find("/api/v1/ports", "x");
	struct answer answer;

	(void)state;
	asked_list_add(&asked, "x", 0, 0);
	assert_null(asked_namespace_find(&others, &found, &answer));
	assert_int_equal(answer.status, 503);
	assert_non_null(strstr(answer.body, "too many"));
	answer_release(&answer);
	/* The walk was given up. */
	assert_null(asked_namespace_find(&its, &found, &answer));
	assert_int_equal(answer.status, 503);
	assert_non_null(strstr(answer.body, "cannot be read any more"));
	answer_release(&answer);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_name_asks_for_the_views_of_that_namespace_alone),
	    TEST(what_is_no_name_is_refused),
	    TEST(without_all_namespaces_the_flag_is_named),
	    TEST(the_list_is_of_all),
	    TEST(answers_of_different_namespaces_and_ports_differ),
	    TEST(a_scrape_that_was_not_asked_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
