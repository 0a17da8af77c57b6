// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views/views.h"
#include "exporter/base/gzip.h"
#include "exporter/web/api.h"

/* Compresses the body where the client takes that. A body that is not ours stays. */
static void compress(const struct route *route, struct answer *answer)
{
	struct text text = {(char *)answer->body, answer->length, answer->length, 0};

	answer->varies = true;
	if (!route->gzip || !answer->body || answer->is_static)
		return;
	if (gzip_text(&text) < 0) {
		free(text.data);
		answer->body = NULL;
		return;
	}
	answer->body = text.data;
	answer->length = text.length;
	answer->gzip = true;
}

static struct answer render_metrics(const struct route *route, const struct scrape_result *result)
{
	struct answer answer = {.status = 200};
	struct text text = {0};

	if (scrape_write(result, route->asked, route->choice.format, &text) < 0) {
		free(text.data);
		return answer;
	}
	exposition_content_type(route->choice, answer.type);
	answer.body = text.data;
	answer.length = text.length;
	compress(route, &answer);
	return answer;
}

struct answer render_failure(const struct route *route, int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return answer_unavailable(route->json, "it took longer than the client's time-out");
	case -ESHUTDOWN:
		return answer_unavailable(route->json, "the exporter is shutting down");
	case -ENOMEM:
		return answer_unavailable(route->json, "out of memory");
	default:
		return answer_unavailable(route->json, strerrordesc_np(-error));
	}
}

/* The state of a view that was asked for, or NULL and the error it ended with. */
static void *find_view(const struct render_options *options, enum view view,
    const struct scrape_result *result, int *ret_error)
{
	const size_t place = options->first_view + view;

	*ret_error = result->gathering.outcomes[place].error;
	return *ret_error < 0 ? NULL : gatherer_state(result->gatherer, place);
}

static char *print_destinations(const struct render_options *options, const struct route *route,
    const struct scrape_result *result, void *state, int *ret_error)
{
	struct destination_rows *rows = destination_rows_found(state);

	rows->source = source_used(gatherer_source(result->gatherer), SOCKET_TCP);
	/* Once for all who share the scrape. */
	if (route->owners && !rows->has_owners)
		*ret_error = destination_rows_add_owners(options->source, options->sysfs, rows);
	return *ret_error < 0 ? NULL : api_destinations(rows, route->limit, route->owners);
}

static struct answer render_view(const struct render_options *options, const struct route *route,
    const struct scrape_result *result)
{
	const enum view view = route->kind == ROUTE_PORTS	   ? VIEW_PORT_MAP
			       : route->kind == ROUTE_DESTINATIONS ? VIEW_DESTINATIONS
								   : VIEW_RANGE;
	int error;
	void *state = find_view(options, view, result, &error);
	char *text = NULL;

	if (error == 0) {
		switch (view) {
		case VIEW_PORT_MAP:
			text = api_ports(port_map_found(state));
			break;
		case VIEW_DESTINATIONS:
			text = print_destinations(options, route, result, state, &error);
			break;
		default:
			text = api_range(range_found(state));
		}
	}
	if (error < 0)
		return render_failure(route, error);

	struct answer answer = answer_json(text);

	compress(route, &answer);
	return answer;
}

struct answer render_scrape(const struct render_options *options, const struct route *route,
    const struct scrape_result *result)
{
	return route->kind == ROUTE_METRICS ? render_metrics(route, result)
					    : render_view(options, route, result);
}

struct answer render_lookup(const struct route *route, const struct port_lookup *lookup)
{
	struct answer answer = answer_json(api_port(lookup, route->port, route->limit));

	compress(route, &answer);
	return answer;
}
