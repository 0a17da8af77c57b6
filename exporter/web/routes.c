// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/routes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collectors/views/views.h"
#include "exporter/scrape/single_flight.h"
#include "exporter/web/endpoints.h"
#include "exporter/web/negotiate.h"

#define API "/api/"

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool route_reads(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

bool route_is_json(const char *path)
{
	return starts_with(path, API);
}

/* The endpoint at path, and in ret_rest the rest of the path. NULL: there is none. */
static const struct endpoint *find_endpoint(
    const struct site *site, const char *path, const char **ret_rest)
{
	*ret_rest = "";
	if (strcmp(path, site->telemetry_path) == 0)
		return &metrics_endpoint;
	for (size_t i = 0; i < endpoints_length; i++) {
		const char *own = endpoints[i].path;
		const size_t length = strlen(own);

		if (strcmp(path, own) == 0 && (length == 1 || own[length - 1] != '/'))
			return &endpoints[i];
		if (length > 1 && own[length - 1] == '/' && starts_with(path, own)) {
			*ret_rest = path + length;
			return &endpoints[i];
		}
	}
	return NULL;
}

/*
 * The deadline of a request: a little before the timeout that Prometheus sends, so that the error
 * of a scrape that took too long still arrives.
 */
static double seconds_for(const char *timeout)
{
	double seconds = SINGLE_FLIGHT_LONGEST_WAIT;

	if (timeout) {
		char *end;
		const double asked = strtod(timeout, &end);

		if (end != timeout && *end == '\0' && asked > 0 &&
		    asked < SINGLE_FLIGHT_LONGEST_WAIT)
			seconds = asked;
	}
	return seconds - (seconds > 5 ? 0.5 : seconds / 10);
}

/*
 * Whether a Host header is a name of a loopback address. Any web page in a browser on this host can
 * make its own name resolve to a loopback address (DNS rebinding), and then read what is for this
 * host only; but it cannot set this header.
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

bool route_is_local(const struct http_request *request)
{
	return request->from_loopback && request->host && is_local_name(request->host);
}

bool route_may_ask_api(const struct site *site, const struct http_request *request)
{
	return !site->api_is_guarded || request->from_loopback || request->from_unix ||
	       request->has_password || request->is_certified;
}

/* Refuses what does not exist or is not allowed. Returns whether it did. */
static bool refuse(const struct site *site, const struct http_request *request, bool is_nothing,
    struct route *route)
{
	struct answer answer;

	/* libmicrohttpd decodes it into a C string, which would end there. */
	if (strstr(request->target, "%00")) {
		answer = answer_error(route->json, 400, "the path must not contain a zero byte");
	} else if (route->json && !site->api) {
		answer = answer_error(true, 404, "the API is off; start with --web.enable-api");
	} else if (route->json && request->from_loopback && request->host &&
		   !is_local_name(request->host)) {
		answer = answer_error(true, 403,
		    "on a loopback address the Host header must be localhost or the address, "
		    "not \"%.200s\"",
		    request->host);
	} else if (route->json && !route_may_ask_api(site, request)) {
		answer = answer_error(true, 403,
		    "with --namespaces=all the API answers only on loopback and unix sockets, and "
		    "to those who give a password or a verified client certificate");
	} else if (is_nothing) {
		answer = answer_error(route->json, 404,
		    route->json ? "there is nothing at %.200s"
				: "there is nothing at %.200s; "
				  "metrics are at %s",
		    request->path, site->telemetry_path);
	} else if (!route_reads(request->method)) {
		answer = answer_error(
		    route->json, 405, "%.32s is not allowed; use GET or HEAD", request->method);
		answer.allow = "GET, HEAD";
	} else {
		return false;
	}
	answer_release(&route->answer);
	route->answer = answer;
	return true;
}

struct route route_find(const struct site *site, const struct http_request *request)
{
	const char *rest;
	const struct endpoint *endpoint = find_endpoint(site, request->path, &rest);
	struct route route = {.json = route_is_json(request->path)};
	enum endpoint_found found = endpoint ? FOUND : FOUND_NOTHING;

	route.gzip = negotiate_gzip(request->accept_encoding);
	route.seconds = seconds_for(request->scrape_timeout);
	if (endpoint && endpoint->parse)
		found = endpoint->parse(site, request, rest, &route);
	if (refuse(site, request, found == FOUND_NOTHING, &route) || found == FOUND_WRONG) {
		route.endpoint = NULL;
		return route;
	}
	if (!route.endpoint)
		route.endpoint = endpoint;
	/* Of another namespace a scrape finds all views. */
	route.asked |=
	    (collector_set)(route.namespace[0] ? 1u << VIEW_NAMESPACES : route.endpoint->views)
	    << site->first_view;
	return route;
}

bool route_is_same(const struct route *a, const struct route *b)
{
	return a->endpoint == b->endpoint && a->asked == b->asked && a->gzip == b->gzip &&
	       a->choice.format == b->choice.format && a->choice.escaping == b->choice.escaping &&
	       a->limit == b->limit && a->owners == b->owners && a->port == b->port &&
	       a->has_mark == b->has_mark && mark_asked_same(&a->mark, &b->mark) &&
	       strcmp(a->namespace, b->namespace) == 0;
}
