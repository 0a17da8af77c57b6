// SPDX-License-Identifier: Apache-2.0
/* For whom the API is, if it shows all network namespaces. */
#include <string.h>

#include "exporter/web/endpoints.h"
#include "exporter/web/routes.h"
#include "unit.h"

static const struct {
	const char *who;
	struct http_request request;
	bool may_ask;
} clients[] = {
    {"a stranger", {.host = "192.0.2.1"}, false},
    {"a stranger who says localhost", {.host = "localhost"}, false},
    {"a stranger who says 127.0.0.1", {.host = "127.0.0.1:10059"}, false},
    {"a stranger without a Host", {.host = NULL}, false},
    {"loopback", {.from_loopback = true, .host = "localhost"}, true},
    {"loopback, by a name of anybody's", {.from_loopback = true, .host = "evil.example"}, false},
    {"a unix socket", {.from_unix = true, .host = "anything"}, true},
    {"a password", {.has_password = true, .host = "192.0.2.1"}, true},
    {"a certificate", {.is_certified = true, .host = "192.0.2.1"}, true},
    {"only a page that tells of a password", {.openness = {.password = true}}, false},
    {"only a page that says it was given", {.openness = {.has_password = true}}, false},
    {"only a page that says local", {.openness = {.is_local = true}}, false},
};

static const char *const paths[] = {
    "/api/v1/ports", "/api/v1/ports/443", "/api/v1/destinations", "/api/v1/range"};

static void no_parameters(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	(void)source;
	(void)each;
	(void)context;
}

static struct route find(
    bool guarded, const struct http_request *client, const char *method, const char *path)
{
	const struct site site = {
	    .telemetry_path = "/metrics", .api = true, .api_is_guarded = guarded};
	struct http_request request = *client;

	request.method = method;
	request.path = request.target = path;
	request.parameters = no_parameters;
	return route_find(&site, &request);
}

static void the_guarded_api_is_for_those_it_knows(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(clients); i++)
		for (size_t j = 0; j < LENGTH(paths); j++) {
			struct route route = find(true, &clients[i].request, "GET", paths[j]);

			if ((route.endpoint != NULL) != clients[i].may_ask)
				fail_msg("%s: %s", clients[i].who, paths[j]);
			if (!route.endpoint)
				assert_int_equal(route.answer.status, 403);
			answer_release(&route.answer);
		}
}

static void a_stranger_learns_nothing_of_what_there_is(void **state)
{
	static const char *const others[] = {
	    "/api/", "/api/v2", "/api/v1/ports/0", "/api/v1/nothing"};
	const struct http_request stranger = {.host = "192.0.2.1"};

	(void)state;
	for (size_t i = 0; i < LENGTH(others); i++) {
		struct route route = find(true, &stranger, "GET", others[i]);

		assert_int_equal(route.answer.status, 403);
		answer_release(&route.answer);
	}

	struct route posted = find(true, &stranger, "POST", paths[0]);

	assert_int_equal(posted.answer.status, 403);
	answer_release(&posted.answer);
}

static void the_rest_is_for_everyone(void **state)
{
	static const char *const open[] = {
	    "/metrics", "/", "/-/healthy", "/-/ready", "/pages/map.js"};
	const struct http_request stranger = {.host = "192.0.2.1"};

	(void)state;
	for (size_t i = 0; i < LENGTH(open); i++)
		assert_non_null(find(true, &stranger, "GET", open[i]).endpoint);
	for (size_t i = 0; i < LENGTH(paths); i++)
		assert_non_null(find(false, &stranger, "GET", paths[i]).endpoint);
}

static void the_page_says_it_unless_a_password_would_do(void **state)
{
	const struct http_request stranger = {.host = "192.0.2.1"};
	const struct http_request asked = {.host = "192.0.2.1", .openness = {.password = true}};
	const struct http_request local = {.from_loopback = true, .host = "localhost"};

	(void)state;
	assert_true(find(true, &stranger, "GET", "/").openness.api_refuses);
	assert_false(find(true, &asked, "GET", "/").openness.api_refuses);
	assert_false(find(true, &local, "GET", "/").openness.api_refuses);
	assert_false(find(false, &stranger, "GET", "/").openness.api_refuses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_guarded_api_is_for_those_it_knows),
	    cmocka_unit_test(a_stranger_learns_nothing_of_what_there_is),
	    cmocka_unit_test(the_rest_is_for_everyone),
	    cmocka_unit_test(the_page_says_it_unless_a_password_would_do),
	};

	return cmocka_run_group_tests_name("api_guard", tests, NULL, NULL);
}
