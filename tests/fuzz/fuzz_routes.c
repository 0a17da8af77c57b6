// SPDX-License-Identifier: Apache-2.0
/*
 * A request, by lines: method, path, query, Accept, Accept-Encoding and Prometheus's time-out.
 * A line that is not there is a header that is not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views/views.h"
#include "exporter/web/endpoints.h"
#include "fuzz.h"

static void parameters(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	fuzz_parameters(source, each, context);
}

static void check_answer(const struct route *route)
{
	const struct answer *answer = &route->answer;

	FUZZ_CHECK(answer->status == 200 || answer->status == 400 || answer->status == 403 ||
		   answer->status == 404 || answer->status == 405);
	FUZZ_CHECK(answer->body && answer->length > 0);
	FUZZ_CHECK(answer->type[0] && memchr(answer->type, '\0', sizeof(answer->type)));
	FUZZ_CHECK((answer->status == 405) == (answer->allow != NULL));
	if (answer->status == 200)
		return;

	/* What a client sent is quoted in it. */
	char *body = fuzz_string((const uint8_t *)answer->body, answer->length);

	FUZZ_CHECK(strlen(body) == answer->length);
	FUZZ_CHECK((body[0] == '{') == route->json);
	if (body[answer->length - 1] == '\n')
		body[answer->length - 1] = '\0';
	FUZZ_CHECK(fuzz_is_printable(body));
	free(body);
}

static void check(const struct site *site, const struct http_request *request)
{
	struct route route = route_find(site, request);

	FUZZ_CHECK(route_is_same(&route, &route));
	FUZZ_CHECK(route.seconds > 0 && route.seconds < 60);
	if (!route.endpoint) {
		check_answer(&route);
	} else if (route.endpoint == &metrics_endpoint) {
		FUZZ_CHECK((route.asked & ~site->enabled) == 0);
	} else if (route.json) {
		FUZZ_CHECK(site->api);
		FUZZ_CHECK((route.endpoint->need == NEED_NOTHING) == (route.search[0] != '\0'));
		FUZZ_CHECK(route.search[0] || (route.limit >= 1 && route.limit <= 1000));
		FUZZ_CHECK((route.endpoint->need == NEED_LOOKUP) == (route.port > 0));
		FUZZ_CHECK(
		    (route.endpoint->need == NEED_WALK) == (route.asked >> site->first_view != 0));
	} else {
		FUZZ_CHECK(route.endpoint->need == NEED_NOTHING);
	}
	answer_release(&route.answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	const char *rest = text;
	char *lines[7];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		lines[i] = fuzz_take(&rest, '\n');

	const char *path = lines[1] ? lines[1] : "/";
	const char *query = lines[2] ? lines[2] : "";
	char *target;

	FUZZ_CHECK(asprintf(&target, "%s?%s", path, query) >= 0);

	const struct http_request request = {.method = lines[0],
	    .path = path,
	    .target = target,
	    .accept = lines[3],
	    .accept_encoding = lines[4],
	    .scrape_timeout = lines[5],
	    .host = lines[6],
	    .from_loopback = lines[6] != NULL,
	    .parameters = parameters,
	    .source = lines[2]};
	struct site site = {.telemetry_path = "/metrics",
	    .enabled = ((collector_set)1 << collectors_length) - 2,
	    .first_view = collectors_length};

	check(&site, &request);
	site.api = true;
	check(&site, &request);
	free(target);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		free(lines[i]);
	free(text);
	return 0;
}
