// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/dispatch.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/clock.h"

static struct answer render(
    const struct web *web, const struct exchange *exchange, const struct scrape_result *result)
{
	const struct render_options options = {
	    .source = &web->options.source,
	    .sysfs = web->options.sysfs,
	    .first_view = web->options.first_view,
	};

	return render_scrape(&options, &exchange->route, result);
}

/*
 * The response for exchange, rendered once for all who want the same; NULL: no memory. One
 * that says what went wrong is not kept.
 */
static struct shared_response *find_response(
    struct web *web, struct exchange *exchange, const struct scrape_result *result)
{
	const struct web_config *config = exchange_config(exchange);
	const unsigned long serial = result->serial;
	struct shared_response *shared =
	    response_cache_find(&web->cache, serial, &exchange->route, config);

	if (shared)
		return shared;

	struct answer answer = render(web, exchange, result);

	exchange->status = answer.status;
	shared = response_share(&answer, config);
	if (shared && answer.status == MHD_HTTP_OK)
		response_cache_add(&web->cache, serial, &exchange->route, config, shared);
	return shared;
}

/* Ends the wait that serve_work() began. shared may be NULL. */
static void finish_work(struct exchange *exchange, struct shared_response *shared)
{
	if (!shared) {
		struct answer answer = render_failure(&exchange->route, -ENOMEM);

		exchange->status = answer.status;
		shared = response_share(&answer, exchange_config(exchange));
	}
	exchange->shared = shared;
	exchange_resume(exchange);
}

static void fail(struct exchange *exchange, int error)
{
	struct answer answer = render_failure(&exchange->route, error);

	exchange->status = answer.status;
	finish_work(exchange, response_share(&answer, exchange_config(exchange)));
}

/* In the scraper's thread. */
static void on_scraped(struct shared_request *request, int error, const void *result)
{
	struct exchange *exchange = (struct exchange *)request;

	if (error < 0) {
		fail(exchange, error);
		return;
	}
	exchange->status = MHD_HTTP_OK;
	finish_work(exchange, find_response(exchange->web, exchange, result));
}

/* In the lookup's thread. */
static void on_looked_up(struct shared_request *request, int error, const void *result)
{
	struct exchange *exchange = (struct exchange *)request;

	if (error < 0) {
		fail(exchange, error);
		return;
	}

	struct answer answer = render_lookup(&exchange->route, result);

	exchange->status = answer.status;
	finish_work(exchange, response_share(&answer, exchange_config(exchange)));
}

/* What takes a scrape or a lookup: the connection waits for its thread. */
static enum MHD_Result serve_work(struct exchange *exchange)
{
	struct web *web = exchange->web;
	const struct route *route = &exchange->route;
	const bool looks_up = route->kind == ROUTE_PORT;
	struct client *client = connection_client(exchange->connection);

	if (!client)
		return MHD_NO; /* it is being closed */
	switch (clients_start_work(web->clients, client)) {
	case REFUSAL_REQUESTS:
		return exchange_send_answer(
		    exchange, answer_unavailable(route->json,
				  "too many requests at the same time (--web.max-requests)"));
	case REFUSAL_REQUESTS_PER_ADDRESS:
		return exchange_send_answer(exchange,
		    answer_unavailable(route->json, "too many requests of one address at the same "
						    "time (--web.max-requests-per-address)"));
	default:
		break;
	}
	if (looks_up) {
		exchange->request.lookup.port = route->port;
		exchange->request.lookup.limit = route->limit;
	} else {
		exchange->request.scrape.asked = route->asked;
	}
	exchange->request.shared.deadline = clock_in(route->seconds);
	exchange->request.shared.done = looks_up ? on_looked_up : on_scraped;
	exchange_suspend(exchange);
	if (looks_up)
		lookup_submit(web->parts.lookup, &exchange->request.lookup);
	else
		scraper_submit(web->parts.scraper, &exchange->request.scrape);
	return MHD_YES;
}

static struct answer find_readiness(const struct web *web)
{
	const int error = gather_probe(web->options.procfs, &web->options.source);

	if (error < 0)
		return answer_error(false, MHD_HTTP_SERVICE_UNAVAILABLE, "a scrape would fail: %s",
		    strerrordesc_np(-error));
	return answer_text("Ready.\n");
}

struct parameters {
	void (*each)(void *context, const char *key, const char *value);
	void *context;
};

static enum MHD_Result hand_on_parameter(
    void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	const struct parameters *parameters = context;

	(void)kind;
	parameters->each(parameters->context, key, value);
	return MHD_YES;
}

static void each_parameter(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	struct parameters parameters = {each, context};

	MHD_get_connection_values(source, MHD_GET_ARGUMENT_KIND, hand_on_parameter, &parameters);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

enum MHD_Result dispatch(struct exchange *exchange, const char *path, const char *method)
{
	struct web *web = exchange->web;
	struct MHD_Connection *connection = exchange->connection;
	const struct client *client = connection_client(connection);
	const struct route_options options = {
	    .telemetry_path = web->options.telemetry_path,
	    .enabled = web->options.enabled,
	    .api = web->parts.lookup != NULL,
	    .first_view = web->options.first_view,
	    .index = &web->index,
	};
	const struct http_request request = {
	    .method = method,
	    .path = path,
	    .target = exchange->target,
	    .from_loopback = client && client_peer(client)->is_loopback,
	    .host = header(connection, MHD_HTTP_HEADER_HOST),
	    .accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
	    .accept_encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
	    .scrape_timeout = header(connection, "X-Prometheus-Scrape-Timeout-Seconds"),
	    .parameters = each_parameter,
	    .source = connection,
	};

	exchange->route = route_find(&options, &request);
	switch (exchange->route.kind) {
	case ROUTE_ANSWER:
		return exchange_send_answer(exchange, exchange->route.answer);
	case ROUTE_READY:
		return exchange_send_answer(exchange, find_readiness(web));
	default:
		return serve_work(exchange);
	}
}

enum MHD_Result dispatch_finish(struct exchange *exchange)
{
	if (!exchange->shared)
		return MHD_NO;

	const enum MHD_Result result =
	    exchange_send_response(exchange, exchange->status, response_of(exchange->shared));

	response_release(exchange->shared);
	exchange->shared = NULL;
	return result;
}
