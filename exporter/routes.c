// SPDX-License-Identifier: Apache-2.0
#include "exporter/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views.h"
#include "exporter/negotiate.h"
#include "exporter/pages.h"
#include "exporter/port_expression.h"
#include "exporter/query.h"

#define API "/api/"
#define API_PORT "/api/v1/ports/"
#define PAGES "/pages/"

#define TIMEOUT_SECONDS 60.0
#define LIMIT_DEFAULT 20

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_get_or_head(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void answer_text(struct route *route, const char *text)
{
	route->answer = (struct answer){
	    .status = 200,
	    .type = "text/plain; charset=utf-8",
	    .body = text,
	    .length = strlen(text),
	    .is_static = true,
	};
}

/* The body stays its owner's. */
static void lend(struct route *route, const struct answer *answer)
{
	route->answer = *answer;
	route->answer.is_static = true;
}

/*
 * When an answer is of no use any more: a little before the time-out that Prometheus says
 * it has, so that the answer to a scrape that took too long still arrives.
 */
static double seconds_for(const char *timeout)
{
	double seconds = TIMEOUT_SECONDS;

	if (timeout) {
		char *end;
		const double asked = strtod(timeout, &end);

		if (end != timeout && *end == '\0' && asked > 0 && asked < TIMEOUT_SECONDS)
			seconds = asked;
	}
	return seconds - (seconds > 5 ? 0.5 : seconds / 10);
}

static void add_to_query(void *query, const char *key, const char *value)
{
	query_add(query, key, value);
}

static void find_metrics(
    const struct route_options *options, const struct http_request *request, struct route *route)
{
	struct query query = {.enabled = options->enabled};

	request->parameters(request->source, add_to_query, &query);
	if (!query_finish(&query, &route->asked)) {
		route->answer = answer_error(false, 400, "%s", query.error);
		return;
	}
	route->choice = negotiate_format(request->accept);
	route->kind = ROUTE_METRICS;
}

/* The parameters that the API knows. */
struct api_parameters {
	const char *wrong; /* the name of one with a value that does not fit */
	size_t limit;
	bool owners;
};

static void add_api_parameter(void *context, const char *key, const char *value)
{
	struct api_parameters *parameters = context;

	if (!value)
		value = "";
	if (strcmp(key, "limit") == 0) {
		const unsigned long limit = strtoul(value, NULL, 10);

		if (!*value || strlen(value) > 4 || strspn(value, "0123456789") != strlen(value) ||
		    limit < 1 || limit > 1000)
			parameters->wrong = "limit is a whole number from 1 to 1000";
		parameters->limit = limit;
	} else if (strcmp(key, "owners") == 0) {
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			parameters->wrong = "owners is true or false";
		parameters->owners = strcmp(value, "true") == 0;
	}
}

static collector_set view(const struct route_options *options, enum view which)
{
	return (collector_set)1 << (options->first_view + which);
}

/*
 * The page asks for both at the same time. One of its requests comes first and starts a walk,
 * which the other can only share if that walk is for both.
 */
static collector_set views_of_the_page(const struct route_options *options)
{
	return view(options, VIEW_PORT_MAP) | view(options, VIEW_DESTINATIONS);
}

static void find_port(const char *text, struct route *route)
{
	struct port_range range;

	if (port_expression_parse(text, &range) || strchr(text, '-')) {
		route->answer =
		    answer_error(true, 400, "\"%.80s\" is no port from 1 to 65535", text);
		return;
	}
	route->port = range.first;
	route->kind = ROUTE_PORT;
}

static void find_api(
    const struct route_options *options, const struct http_request *request, struct route *route)
{
	const char *path = request->path;
	struct api_parameters parameters = {.limit = LIMIT_DEFAULT};

	request->parameters(request->source, add_api_parameter, &parameters);
	if (parameters.wrong) {
		route->answer = answer_error(true, 400, "%s", parameters.wrong);
		return;
	}
	route->limit = parameters.limit;
	route->owners = parameters.owners;
	if (starts_with(path, API_PORT)) {
		find_port(path + strlen(API_PORT), route);
	} else if (strcmp(path, "/api/v1/ports") == 0) {
		route->kind = ROUTE_PORTS;
		route->asked = views_of_the_page(options);
	} else if (strcmp(path, "/api/v1/destinations") == 0) {
		route->kind = ROUTE_DESTINATIONS;
		route->asked = views_of_the_page(options);
	} else {
		route->kind = ROUTE_RANGE;
		route->asked = view(options, VIEW_RANGE);
	}
}

/* Answers for what is not there, or not to be had so; else the answer stays empty. */
static void refuse(
    const struct route_options *options, const struct http_request *request, struct route *route)
{
	static const char *const known[] = {"/", "/-/healthy", "/-/ready", "/api/v1/ports",
	    "/api/v1/destinations", "/api/v1/range"};
	const char *path = request->path;
	struct answer page;
	bool found = strcmp(path, options->telemetry_path) == 0 ||
		     (starts_with(path, API_PORT) && !strchr(path + strlen(API_PORT), '/')) ||
		     (starts_with(path, PAGES) && pages_find(path + strlen(PAGES), &page));

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found = found || strcmp(path, known[i]) == 0;
	/* libmicrohttpd decodes it into a C string, which would hide what follows. */
	if (strstr(request->target, "%00")) {
		route->answer =
		    answer_error(route->json, 400, "the request's target holds a zero byte");
	} else if (route->json && !options->api) {
		route->answer = answer_error(
		    true, 404, "the API is off; --web.enable-api turns it and the port map on");
	} else if (!found) {
		route->answer = answer_error(route->json, 404,
		    route->json ? "there is nothing at %.200s"
				: "there is nothing at %.200s; "
				  "metrics are at %s",
		    path, options->telemetry_path);
	} else if (!is_get_or_head(request->method)) {
		route->answer =
		    answer_error(route->json, 405, "%.32s; use GET or HEAD", request->method);
		route->answer.allow = "GET, HEAD";
	}
}

struct route route_find(const struct route_options *options, const struct http_request *request)
{
	const char *path = request->path;
	struct route route = {.kind = ROUTE_ANSWER, .json = starts_with(path, API)};

	route.gzip = negotiate_gzip(request->accept_encoding);
	route.seconds = seconds_for(request->scrape_timeout);
	refuse(options, request, &route);
	if (route.answer.status)
		return route;
	if (strcmp(path, options->telemetry_path) == 0)
		find_metrics(options, request, &route);
	else if (route.json)
		find_api(options, request, &route);
	else if (strcmp(path, "/-/ready") == 0)
		route.kind = ROUTE_READY;
	else if (strcmp(path, "/-/healthy") == 0)
		answer_text(&route, "Healthy.\n");
	else if (strcmp(path, "/") == 0)
		lend(&route, options->index);
	else
		(void)pages_find(path + strlen(PAGES), &route.answer);
	return route;
}

bool route_is_same(const struct route *a, const struct route *b)
{
	return a->kind == b->kind && a->asked == b->asked && a->gzip == b->gzip &&
	       a->choice.format == b->choice.format && a->choice.escaping == b->choice.escaping &&
	       a->limit == b->limit && a->owners == b->owners;
}
