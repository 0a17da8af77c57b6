// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/registry.h"
#include "collectors/views/owned_rows.h"
#include "collectors/views/port_there.h"
#include "collectors/views/views.h"
#include "exporter/answers/port_expression.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/api.h"
#include "exporter/web/api_parameters.h"
#include "exporter/web/asked_mark.h"
#include "exporter/web/asked_namespace.h"
#include "exporter/web/failure_stream.h"
#include "exporter/web/found_view.h"
#include "exporter/web/negotiate.h"
#include "exporter/web/pages.h"
#include "exporter/web/query.h"
#include "exporter/web/search.h"

static enum endpoint_found parse_index(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	(void)rest;
	route->openness = request->openness;
	route->openness.is_local = route_is_local(request);
	/* A page for everyone may lead to a password. */
	route->openness.api_refuses =
	    !route_may_ask_api(site, request) && !request->openness.password;
	return FOUND;
}

static struct answer render_index(
    const struct site *site, const struct route *route, const void *nothing)
{
	(void)nothing;
	return pages_index(site, &route->openness);
}

static enum endpoint_found parse_page(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	(void)site;
	(void)request;
	return pages_find(rest, &route->answer) ? FOUND : FOUND_NOTHING;
}

static struct answer render_page(
    const struct site *site, const struct route *route, const void *nothing)
{
	(void)site;
	(void)nothing;
	return route->answer;
}

static struct answer render_health(
    const struct site *site, const struct route *route, const void *nothing)
{
	(void)site;
	(void)route;
	(void)nothing;
	return answer_text("Healthy.\n");
}

static struct answer render_readiness(
    const struct site *site, const struct route *route, const void *nothing)
{
	const int error = gather_probe(site->procfs, &site->source);

	(void)nothing;
	if (error < 0)
		return answer_error(
		    route->json, 503, "a scrape would fail: %s", strerrordesc_np(-error));
	return answer_text("Ready.\n");
}

static void add_to_query(void *query, const char *key, const char *value)
{
	query_add(query, key, value);
}

static enum endpoint_found parse_metrics(const struct site *site,
    const struct http_request *request, const char *rest, struct route *route)
{
	struct query query = {.enabled = site->enabled};

	(void)rest;
	request->parameters(request->source, add_to_query, &query);
	if (!query_finish(&query, &route->asked)) {
		route->answer = answer_error(route->json, 400, "%s", query.error);
		return FOUND_WRONG;
	}
	route->choice = negotiate_format(request->accept);
	return FOUND;
}

static struct answer render_metrics(
    const struct site *site, const struct route *route, const void *found)
{
	struct answer answer = {.status = 200};
	struct text text = {0};

	(void)site;
	if (scrape_write(found, route->asked, route->choice.format, &text) < 0) {
		free(text.data);
		return answer;
	}
	exposition_content_type(route->choice, answer.type);
	answer.body = text.data;
	answer.length = text.length;
	answer_compress(&answer, route->gzip);
	return answer;
}

static enum endpoint_found parse_api(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	(void)rest;
	return api_parameters_read(site, request, route) ? FOUND : FOUND_WRONG;
}

/*
 * Of those that the page asks together: each also asks for the failures that the history notes.
 * They cost no walk, but without them the others could not share a walk with the history.
 */
static enum endpoint_found parse_view(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	if (parse_api(site, request, rest, route) != FOUND)
		return FOUND_WRONG;
	route->asked |= site->enabled & (collector_set)1 << collector_find("exhaustion");
	return FOUND;
}

/* Without --namespaces=all there is no such list. */
static enum endpoint_found parse_namespaces(const struct site *site,
    const struct http_request *request, const char *rest, struct route *route)
{
	if (!site->api_is_guarded) {
		route->answer = answer_error(true, 404,
		    "other network namespaces are not read; start with --namespaces=all");
		return FOUND_WRONG;
	}
	if (parse_api(site, request, rest, route) != FOUND)
		return FOUND_WRONG;
	route->namespace[0] = '\0';
	return FOUND;
}

/* What a port of another network namespace needs; a lookup is for ours. */
static const struct endpoint port_elsewhere;

static enum endpoint_found parse_port(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	struct port_range range;

	if (strchr(rest, '/'))
		return FOUND_NOTHING;
	if (parse_api(site, request, rest, route) != FOUND)
		return FOUND_WRONG;
	if (port_expression_parse(rest, &range) || strchr(rest, '-')) {
		route->answer = answer_error(
		    true, 400, "the port must be a number from 1 to 65535, not \"%.80s\"", rest);
		return FOUND_WRONG;
	}
	route->port = range.first;
	if (route->namespace[0])
		route->endpoint = &port_elsewhere;
	return FOUND;
}

/* Takes ownership of text, which is NULL if memory ran out. */
static struct answer finish_api(const struct route *route, char *text)
{
	struct answer answer = answer_json(text);

	answer_compress(&answer, route->gzip);
	return answer;
}

static enum endpoint_found parse_ports(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	if (parse_view(site, request, rest, route) != FOUND)
		return FOUND_WRONG;
	/* Of another namespace a scrape finds all views. */
	if (route->has_mark && !route->namespace[0])
		route->asked |= (collector_set)1 << (site->first_view + VIEW_PORT_MARKS);
	return FOUND;
}

static struct answer render_ports(
    const struct site *site, const struct route *route, const void *result)
{
	const struct found_view found = found_view_of(site, route, VIEW_PORT_MAP, result);
	const struct portset *marked = NULL;

	if (!found.state)
		return found.answer;
	if (route->has_mark) {
		const struct found_view marks = found_view_of(site, route, VIEW_PORT_MARKS, result);
		struct answer answer;

		if (!marks.state)
			return marks.answer;
		marked = asked_mark_find(route, result, marks.state, &answer);
		if (!marked)
			return answer;
	}
	return finish_api(
	    route, api_ports(port_map_found(found.state), marked, found_view_where(&found)));
}

/* The destinations of one owner. */
static struct answer render_owned(const struct route *route, const struct destination_rows *rows,
    struct pods *pods, const struct namespace_row *where)
{
	struct owned_rows owned;
	struct answer answer;

	if (owned_rows_make(rows, route->mark.owner, pods, &owned) < 0)
		return answer_failure(true, -ENOMEM);
	answer = finish_api(route, api_destinations(owned.rows, route->limit, true, where));
	owned_rows_release(&owned);
	return answer;
}

static struct answer render_destinations(
    const struct site *site, const struct route *route, const void *context)
{
	const struct scrape_result *result = context;
	const struct found_view found = found_view_of(site, route, VIEW_DESTINATIONS, result);
	struct destination_rows *rows;
	int error = 0;

	if (!found.state)
		return found.answer;
	rows = destination_rows_found(found.state);
	rows->source = source_used(gatherer_source(result->gatherer), SOCKET_TCP);
	/* Once for all requests that share the scrape. */
	if (route->owners || route->mark.owner[0])
		error = destination_rows_name_owners(gatherer_cgroups(result->gatherer), rows);
	if (error < 0)
		return answer_failure(true, error);
	if (route->mark.owner[0])
		return render_owned(
		    route, rows, gatherer_pods(result->gatherer), found_view_where(&found));
	return finish_api(
	    route, api_destinations(rows, route->limit, route->owners, found_view_where(&found)));
}

static struct answer render_range(
    const struct site *site, const struct route *route, const void *result)
{
	const struct found_view found = found_view_of(site, route, VIEW_RANGE, result);

	if (!found.state)
		return found.answer;
	return finish_api(route, api_range(range_found(found.state), found_view_where(&found)));
}

static enum endpoint_found parse_history(const struct site *site,
    const struct http_request *request, const char *rest, struct route *route)
{
	if (parse_view(site, request, rest, route) != FOUND)
		return FOUND_WRONG;
	if (route->namespace[0]) {
		route->answer = answer_error(
		    true, 400, "the history is of the exporter's own network namespace alone");
		return FOUND_WRONG;
	}
	return FOUND;
}

static struct answer render_history(
    const struct site *site, const struct route *route, const void *context)
{
	const struct scrape_result *result = context;
	struct text text = {0};

	(void)site;
	history_write(result->history, history_now(), &text);
	text_add_char(&text, '\0');
	if (text.error) {
		free(text.data);
		text.data = NULL;
	}
	return finish_api(route, text.data);
}

static struct answer render_summary(
    const struct site *site, const struct route *route, const void *context)
{
	const struct scrape_result *result = context;
	const struct found_view found = found_view_of(site, route, VIEW_SUMMARY, result);
	const bool has_past = result->history && !found.is_elsewhere;
	const int64_t now_ms = history_now();
	struct history_calls calls;
	struct history_snat snat;
	const bool counts = has_past && history_find_calls(result->history, now_ms, &calls);
	const bool sees_snat = has_past && history_find_snat(result->history, now_ms, &snat);

	if (!found.state)
		return found.answer;
	return finish_api(route, api_summary(summary_found(found.state), counts ? &calls : NULL,
				     sees_snat ? &snat : NULL, found_view_where(&found)));
}

static struct answer render_namespaces(
    const struct site *site, const struct route *route, const void *context)
{
	const struct scrape_result *result = context;
	struct namespace_rows *rows;
	char *text;

	(void)site;
	if (!result->gathering.has_namespaces)
		return asked_namespace_unknown();
	rows = namespace_rows_borrow(gatherer_namespaces(result->gatherer));
	text = rows ? api_namespaces(rows, route->limit) : NULL;
	free(rows);
	return finish_api(route, text);
}

static struct answer render_port(
    const struct site *site, const struct route *route, const void *found)
{
	(void)site;
	return finish_api(route, api_port(found, route->port, route->limit, NULL));
}

static struct answer render_port_elsewhere(
    const struct site *site, const struct route *route, const void *result)
{
	const struct found_view found = found_view_of(site, route, VIEW_PORT, result);

	if (!found.state)
		return found.answer;
	return finish_api(
	    route, api_port(port_there_found(found.state), route->port, route->limit, &found.row));
}

/*
 * The page sends these requests at the same time. The first one starts a walk; the others can share
 * it only if that walk is for all of these views.
 */
#define VIEWS_OF_THE_PAGE                                                        \
	(1u << VIEW_PORT_MAP | 1u << VIEW_DESTINATIONS | 1u << VIEW_NAMESPACES | \
	    1u << VIEW_SUMMARY | 1u << VIEW_RANGE)

static const struct endpoint port_elsewhere = {NULL, NEED_WALK, 0, NULL, render_port_elsewhere};

const struct endpoint metrics_endpoint = {NULL, NEED_WALK, 0, parse_metrics, render_metrics};

const struct endpoint endpoints[] = {
    {"/", NEED_NOTHING, 0, parse_index, render_index},
    {"/pages/", NEED_NOTHING, 0, parse_page, render_page},
    {"/-/healthy", NEED_NOTHING, 0, NULL, render_health},
    {"/-/ready", NEED_NOTHING, 0, NULL, render_readiness},
    {"/api/v1/ports", NEED_WALK, VIEWS_OF_THE_PAGE, parse_ports, render_ports},
    {"/api/v1/ports/", NEED_LOOKUP, 0, parse_port, render_port},
    {"/api/v1/destinations", NEED_WALK, VIEWS_OF_THE_PAGE, parse_view, render_destinations},
    {"/api/v1/namespaces", NEED_WALK, 1u << VIEW_NAMESPACES, parse_namespaces, render_namespaces},
    {"/api/v1/history", NEED_WALK, VIEWS_OF_THE_PAGE, parse_history, render_history},
    {"/api/v1/summary", NEED_WALK, VIEWS_OF_THE_PAGE, parse_view, render_summary},
    {"/api/v1/search", NEED_NOTHING, 0, search_parse, search_render},
    {"/api/v1/failures", NEED_FAILURE, 0, failure_stream_parse, failure_stream_render},
    {"/api/v1/range", NEED_WALK, 1u << VIEW_RANGE, parse_api, render_range},
};

const size_t endpoints_length = sizeof(endpoints) / sizeof(endpoints[0]);
