// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/routes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collectors/views/views.h"
#include "exporter/answers/port_expression.h"
#include "exporter/web/negotiate.h"
#include "exporter/web/pages.h"
#include "exporter/web/query.h"

#define API "/api/"
#define API_PORT "/api/v1/ports/"
#define PAGES "/pages/"

#define TIMEOUT_SECONDS 60.0
#define LIMIT_DEFAULT 20

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool route_reads(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* What there is. */
enum place {
	PLACE_NONE,
	PLACE_METRICS,
	PLACE_INDEX,
	PLACE_PAGE,
	PLACE_HEALTHY,
	PLACE_READY,
	PLACE_PORT,
	PLACE_PORTS,
	PLACE_DESTINATIONS,
	PLACE_RANGE,
};

static enum place find_place(const struct route_options *options, const char *path)
{
	static const struct {
		const char *path;
		enum place place;
	} places[] = {
	    {"/", PLACE_INDEX},
	    {"/-/healthy", PLACE_HEALTHY},
	    {"/-/ready", PLACE_READY},
	    {"/api/v1/ports", PLACE_PORTS},
	    {"/api/v1/destinations", PLACE_DESTINATIONS},
	    {"/api/v1/range", PLACE_RANGE},
	};
	struct answer page;

	if (strcmp(path, options->telemetry_path) == 0)
		return PLACE_METRICS;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(path, places[i].path) == 0)
			return places[i].place;
	if (starts_with(path, API_PORT) && !strchr(path + strlen(API_PORT), '/'))
		return PLACE_PORT;
	return starts_with(path, PAGES) && pages_find(path + strlen(PAGES), &page) ? PLACE_PAGE
										   : PLACE_NONE;
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

static void find_api(const struct route_options *options, const struct http_request *request,
    enum place place, struct route *route)
{
	struct api_parameters parameters = {.limit = LIMIT_DEFAULT};

	request->parameters(request->source, add_api_parameter, &parameters);
	if (parameters.wrong) {
		route->answer = answer_error(true, 400, "%s", parameters.wrong);
		return;
	}
	route->limit = parameters.limit;
	route->owners = parameters.owners;
	switch (place) {
	case PLACE_PORT:
		find_port(request->path + strlen(API_PORT), route);
		break;
	case PLACE_PORTS:
		route->kind = ROUTE_PORTS;
		route->asked = views_of_the_page(options);
		break;
	case PLACE_DESTINATIONS:
		route->kind = ROUTE_DESTINATIONS;
		route->asked = views_of_the_page(options);
		break;
	default:
		route->kind = ROUTE_RANGE;
		route->asked = view(options, VIEW_RANGE);
	}
}

/*
 * Whether a Host header names this host as only somebody on it would. A page of anybody's in a
 * browser here can have its own name resolve to a loopback address (DNS rebinding), and so read
 * what is meant for this host alone; but it cannot choose the header.
 */
static bool is_local_name(const char *host)
{
	static const char *const names[] = {"localhost", "[::1]", "ip6-localhost"};
	const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
	const size_t length = bracket ? (size_t)(bracket + 1 - host) : strcspn(host, ":");

	if (host[length] != '\0' && host[length] != ':')
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && strncasecmp(host, names[i], length) == 0)
			return true;
	return starts_with(host, "127.") && strspn(host, "0123456789.") == length;
}

/* Answers for what is not there, or not to be had so. Returns whether it did. */
static bool refuse(const struct route_options *options, const struct http_request *request,
    enum place place, struct route *route)
{
	/* libmicrohttpd decodes it into a C string, which would hide what follows. */
	if (strstr(request->target, "%00")) {
		route->answer =
		    answer_error(route->json, 400, "the request's target holds a zero byte");
	} else if (route->json && !options->api) {
		route->answer = answer_error(
		    true, 404, "the API is off; --web.enable-api turns it and the port map on");
	} else if (route->json && request->from_loopback && request->host &&
		   !is_local_name(request->host)) {
		route->answer = answer_error(true, 403,
		    "\"%.200s\" is no name of a loopback address, through which the request came",
		    request->host);
	} else if (place == PLACE_NONE) {
		route->answer = answer_error(route->json, 404,
		    route->json ? "there is nothing at %.200s"
				: "there is nothing at %.200s; "
				  "metrics are at %s",
		    request->path, options->telemetry_path);
	} else if (!route_reads(request->method)) {
		route->answer =
		    answer_error(route->json, 405, "%.32s; use GET or HEAD", request->method);
		route->answer.allow = "GET, HEAD";
	} else {
		return false;
	}
	return true;
}

struct route route_find(const struct route_options *options, const struct http_request *request)
{
	const enum place place = find_place(options, request->path);
	struct route route = {.kind = ROUTE_ANSWER, .json = starts_with(request->path, API)};

	route.gzip = negotiate_gzip(request->accept_encoding);
	route.seconds = seconds_for(request->scrape_timeout);
	if (refuse(options, request, place, &route))
		return route;
	switch (place) {
	case PLACE_METRICS:
		find_metrics(options, request, &route);
		break;
	case PLACE_INDEX:
		lend(&route, options->index);
		break;
	case PLACE_PAGE:
		(void)pages_find(request->path + strlen(PAGES), &route.answer);
		break;
	case PLACE_HEALTHY:
		route.answer = answer_text("Healthy.\n");
		break;
	case PLACE_READY:
		route.kind = ROUTE_READY;
		break;
	default:
		find_api(options, request, place, &route);
	}
	return route;
}

bool route_is_same(const struct route *a, const struct route *b)
{
	return a->kind == b->kind && a->asked == b->asked && a->gzip == b->gzip &&
	       a->choice.format == b->choice.format && a->choice.escaping == b->choice.escaping &&
	       a->limit == b->limit && a->owners == b->owners;
}
