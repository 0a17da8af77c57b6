// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views/views.h"
#include "exporter/answers/port_expression.h"
#include "exporter/base/number.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/api.h"
#include "exporter/web/negotiate.h"
#include "exporter/web/pages.h"
#include "exporter/web/query.h"

#define LIMIT_DEFAULT 20

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

/* The parameters of the API. */
struct api_parameters {
	const char *wrong; /* what is wrong, or NULL */
	unsigned long limit;
	bool owners;
};

static void add_api_parameter(void *context, const char *key, const char *value)
{
	struct api_parameters *parameters = context;

	if (!value)
		value = "";
	if (strcmp(key, "limit") == 0) {
		if (strlen(value) > 4 || !number_parse(value, 1, 1000, &parameters->limit))
			parameters->wrong = "limit must be a whole number from 1 to 1000";
	} else if (strcmp(key, "owners") == 0) {
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			parameters->wrong = "owners must be true or false";
		parameters->owners = strcmp(value, "true") == 0;
	}
}

static enum endpoint_found parse_api(const struct site *site, const struct http_request *request,
    const char *rest, struct route *route)
{
	struct api_parameters parameters = {.limit = LIMIT_DEFAULT};

	(void)site;
	(void)rest;
	request->parameters(request->source, add_api_parameter, &parameters);
	if (parameters.wrong) {
		route->answer = answer_error(true, 400, "%s", parameters.wrong);
		return FOUND_WRONG;
	}
	route->limit = parameters.limit;
	route->owners = parameters.owners;
	return FOUND;
}

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
	return FOUND;
}

/* The state of a view; or NULL, and in ret_error the -errno that it ended with. */
static void *find_view(
    const struct site *site, enum view view, const struct scrape_result *result, int *ret_error)
{
	const size_t place = site->first_view + view;

	*ret_error = result->gathering.outcomes[place].error;
	return *ret_error < 0 ? NULL : gatherer_state(result->gatherer, place);
}

/* Takes ownership of text, which is NULL if memory ran out. */
static struct answer finish_api(const struct route *route, char *text, int error)
{
	if (error < 0)
		return answer_failure(true, error);

	struct answer answer = answer_json(text);

	answer_compress(&answer, route->gzip);
	return answer;
}

static struct answer render_ports(
    const struct site *site, const struct route *route, const void *found)
{
	int error;
	void *state = find_view(site, VIEW_PORT_MAP, found, &error);

	return finish_api(route, error < 0 ? NULL : api_ports(port_map_found(state)), error);
}

static struct answer render_destinations(
    const struct site *site, const struct route *route, const void *found)
{
	int error;
	void *state = find_view(site, VIEW_DESTINATIONS, found, &error);
	char *text = NULL;

	if (error == 0) {
		const struct scrape_result *result = found;
		struct destination_rows *rows = destination_rows_found(state);

		rows->source = source_used(gatherer_source(result->gatherer), SOCKET_TCP);
		/* Once for all requests that share the scrape. */
		if (route->owners)
			error =
			    destination_rows_name_owners(gatherer_cgroups(result->gatherer), rows);
		if (error == 0)
			text = api_destinations(rows, route->limit, route->owners);
	}
	return finish_api(route, text, error);
}

static struct answer render_range(
    const struct site *site, const struct route *route, const void *found)
{
	int error;
	void *state = find_view(site, VIEW_RANGE, found, &error);

	return finish_api(route, error < 0 ? NULL : api_range(range_found(state)), error);
}

static struct answer render_port(
    const struct site *site, const struct route *route, const void *found)
{
	(void)site;
	return finish_api(route, api_port(found, route->port, route->limit), 0);
}

/*
 * The page sends both requests at the same time. The first one starts a walk; the second can share
 * it only if that walk is for both views.
 */
#define VIEWS_OF_THE_PAGE (1u << VIEW_PORT_MAP | 1u << VIEW_DESTINATIONS)

const struct endpoint metrics_endpoint = {NULL, NEED_WALK, 0, parse_metrics, render_metrics};

const struct endpoint endpoints[] = {
    {"/", NEED_NOTHING, 0, parse_index, render_index},
    {"/pages/", NEED_NOTHING, 0, parse_page, render_page},
    {"/-/healthy", NEED_NOTHING, 0, NULL, render_health},
    {"/-/ready", NEED_NOTHING, 0, NULL, render_readiness},
    {"/api/v1/ports", NEED_WALK, VIEWS_OF_THE_PAGE, parse_api, render_ports},
    {"/api/v1/ports/", NEED_LOOKUP, 0, parse_port, render_port},
    {"/api/v1/destinations", NEED_WALK, VIEWS_OF_THE_PAGE, parse_api, render_destinations},
    {"/api/v1/range", NEED_WALK, 1u << VIEW_RANGE, parse_api, render_range},
};

const size_t endpoints_length = sizeof(endpoints) / sizeof(endpoints[0]);
