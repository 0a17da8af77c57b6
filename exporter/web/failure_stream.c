// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/failure_stream.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/registry.h"
#include "exporter/scrape/failure_watch.h"
#include "exporter/web/api_parameters.h"

#define TYPE "text/event-stream"

static struct answer render_head(
    const struct site *site, const struct route *route, const void *nothing)
{
	(void)site;
	(void)route;
	(void)nothing;
	return (struct answer){
	    .status = 200,
	    .type = TYPE,
	    .body = ":\n\n",
	    .length = 3,
	    .is_static = true,
	    .no_store = true,
	};
}

/* HEAD has nothing to wait for. */
static const struct endpoint head_endpoint = {NULL, NEED_NOTHING, 0, NULL, render_head};

static bool is_counted(const struct site *site)
{
	return site->enabled >> collector_find("exhaustion") & 1;
}

static struct answer say_none(const struct site *site)
{
	return answer_error(true, 404,
	    is_counted(site) ? "failed calls cannot be seen: the log says why"
			     : "failed calls are not counted; start with --collector.exhaustion");
}

/* Returns NULL, or what is wrong. */
static const char *read_id(const struct http_request *request, struct route *route)
{
	const char *id = request->last_event_id;

	/* An EventSource that has not got one yet may send an empty one. */
	if (!id || !*id)
		return NULL;
	if (!failure_id_read(id, &route->failure_id))
		return "Last-Event-ID must be the id of an event, such as 1767225600250-13";
	route->has_failure_id = true;
	return NULL;
}

enum endpoint_found failure_stream_parse(const struct site *site,
    const struct http_request *request, const char *rest, struct route *route)
{
	const char *wrong;

	(void)rest;
	if (!site->failures) {
		route->answer = say_none(site);
		return FOUND_WRONG;
	}
	if (!api_parameters_read(site, request, route))
		return FOUND_WRONG;
	wrong = route->namespace[0] ? "failures are of the exporter's own network namespace alone"
				    : read_id(request, route);
	if (wrong) {
		route->answer = answer_error(true, 400, "%s", wrong);
		return FOUND_WRONG;
	}
	if (strcmp(request->method, "HEAD") == 0)
		route->endpoint = &head_endpoint;
	return FOUND;
}

struct answer failure_stream_render(
    const struct site *site, const struct route *route, const void *context)
{
	const struct failure_news *news = context;
	struct answer answer = {.status = 200, .type = TYPE, .no_store = true};
	struct text text = {0};

	(void)site;
	(void)route;
	failure_log_write(news->log, news->after, &text);
	if (text.error) {
		free(text.data);
		return answer;
	}
	answer.body = text.data;
	answer.length = text.length;
	return answer;
}
