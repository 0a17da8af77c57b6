// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/failure_stream.h"

#include <string.h>

#include "collectors/registry.h"
#include "unit.h"

static struct site site;
static struct http_request request;

static void no_parameter(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	(void)source;
	(void)each;
	(void)context;
}

static int set_up(void **state)
{
	(void)state;
	site = (struct site){.telemetry_path = "/metrics",
	    .api = true,
	    .failures = true,
	    .enabled = (collector_set)1 << collector_find("exhaustion")};
	request = (struct http_request){.method = "GET",
	    .path = "/api/v1/failures",
	    .target = "/api/v1/failures",
	    .parameters = no_parameter};
	return 0;
}

static void assert_refused(unsigned status, const char *words)
{
	struct route route = route_find(&site, &request);
	char body[200] = "";

	assert_null(route.endpoint);
	assert_int_equal(route.answer.status, status);
	assert_in_range(route.answer.length, 1, sizeof(body) - 1);
	memcpy(body, route.answer.body, route.answer.length);
	assert_non_null(strstr(body, words));
	answer_release(&route.answer);
}

static void a_client_goes_on_from_its_last_event(void **state)
{
	struct route route = route_find(&site, &request);

	(void)state;
	assert_int_equal(route.endpoint->need, NEED_FAILURE);
	assert_false(route.has_failure_id);
	request.last_event_id = "1767225600250-13";
	route = route_find(&site, &request);
	assert_true(route.has_failure_id);
	assert_int_equal(route.failure_id.epoch, 1767225600250);
	assert_int_equal(route.failure_id.number, 13);
	request.last_event_id = "";
	assert_false(route_find(&site, &request).has_failure_id);
	request.last_event_id = "13";
	assert_refused(400, "Last-Event-ID must be");
}

static void without_a_body_nobody_waits(void **state)
{
	struct route route;
	struct answer answer;

	(void)state;
	request.method = "HEAD";
	route = route_find(&site, &request);
	assert_int_equal(route.endpoint->need, NEED_NOTHING);
	answer = route.endpoint->render(&site, &route, NULL);
	assert_string_equal(answer.type, "text/event-stream");
	answer_release(&answer);
}

static void where_nobody_counts_there_is_none(void **state)
{
	(void)state;
	site.failures = false;
	assert_refused(404, "the log says why");
	site.enabled = 0;
	assert_refused(404, "start with --collector.exhaustion");
	site.api = false;
	assert_refused(404, "--web.enable-api");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(a_client_goes_on_from_its_last_event),
	    TEST(without_a_body_nobody_waits),
	    TEST(where_nobody_counts_there_is_none),
	};

	return cmocka_run_group_tests_name("failure_stream", tests, NULL, NULL);
}
