// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/dispatch.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "exporter/web/admission.h"
#include "exporter/web/endpoints.h"

/*
 * Makes the answer of what was found, and says how long that took. work: what the finding is
 * called, which took so many seconds.
 */
static struct answer render(
    struct exchange *exchange, const void *found, const char *work, double seconds)
{
	const struct route *route = &exchange->route;
	const struct timespec start = clock_now();
	struct answer answer = route->endpoint->render(&exchange->web->site, route, found);

	if (route->json) {
		answer.times[0] = (struct answer_time){work, seconds};
		answer.times[1] = (struct answer_time){"render", clock_seconds_since(&start)};
	}
	exchange->status = answer.status;
	return answer;
}

/*
 * The response for exchange, rendered once for all requests for the same; NULL: out of memory.
 * Errors are not cached.
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

	struct answer answer = render(exchange, result, "walk", result->gathering.seconds);

	shared = response_share(&answer, config);
	if (shared && answer.status == MHD_HTTP_OK)
		response_cache_add(&web->cache, serial, &exchange->route, config, shared);
	return shared;
}

/* Ends the wait for work. shared may be NULL. */
static void finish_work(struct exchange *exchange, struct shared_response *shared)
{
	if (!shared) {
		struct answer answer = answer_failure(exchange->route.json, -ENOMEM);

		exchange->status = answer.status;
		shared = response_share(&answer, exchange_config(exchange));
	}
	exchange->shared = shared;
	exchange_resume(exchange);
}

static void fail(struct exchange *exchange, int error)
{
	struct answer answer = answer_failure(exchange->route.json, error);

	exchange->status = answer.status;
	finish_work(exchange, response_share(&answer, exchange_config(exchange)));
}

/* Runs in the scraper's thread. */
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

/* Runs in the lookup's thread. */
static void on_looked_up(struct shared_request *request, int error, const void *result)
{
	struct exchange *exchange = (struct exchange *)request;
	const struct port_lookup *lookup = result;

	if (error < 0) {
		fail(exchange, error);
		return;
	}

	struct answer answer = render(exchange, lookup, "lookup", lookup->seconds);

	finish_work(exchange, response_share(&answer, exchange_config(exchange)));
}

/* Runs in the thread that watches failures. */
static void on_failed(struct shared_request *request, int error, const void *news)
{
	struct exchange *exchange = (struct exchange *)request;

	if (error < 0) {
		fail(exchange, error);
		return;
	}

	struct answer answer =
	    exchange->route.endpoint->render(&exchange->web->site, &exchange->route, news);

	exchange->status = answer.status;
	finish_work(exchange, response_share(&answer, exchange_config(exchange)));
}

static bool is_gone(const struct failure_request *request)
{
	const struct exchange *exchange = (const struct exchange *)request;

	return client_is_gone(exchange->watcher);
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

/* For the page at "/", which says what is open. */
static struct openness find_openness(const struct exchange *exchange, const char *path)
{
	const struct web_config *config = exchange_config(exchange);
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct openness openness = {0};

	if (strcmp(path, "/") != 0)
		return openness;
	if (info)
		openness_find_address(info->connect_fd, &openness);
	if (!config)
		return openness;
	openness.password = config->users_length > 0;
	openness.has_password = admission_asks_password(config, path);
	openness.certificate = config->has_tls && web_config_requires_certificate(config);
	return openness;
}

static struct route find_route(
    const struct exchange *exchange, const char *path, const char *method)
{
	struct MHD_Connection *connection = exchange->connection;
	const struct client *client = connection_client(connection);
	const struct http_request request = {
	    .method = method,
	    .path = path,
	    .target = exchange->target,
	    .from_loopback = client && client_peer(client)->is_loopback,
	    .from_unix = client && client_peer(client)->is_unix,
	    /* Only what was granted comes here. */
	    .has_password = admission_asks_password(exchange_config(exchange), path),
	    .is_certified = connection_is_certified(connection),
	    .host = header(connection, MHD_HTTP_HEADER_HOST),
	    .accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
	    .accept_encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
	    .last_event_id = header(connection, "Last-Event-ID"),
	    .scrape_timeout = header(connection, "X-Prometheus-Scrape-Timeout-Seconds"),
	    .openness = find_openness(exchange, path),
	    .parameters = each_parameter,
	    .source = connection,
	};

	return route_find(&exchange->web->site, &request);
}

/* Lets the request wait, unless a limit is reached. Returns whether it may wait. */
static bool take_place(struct exchange *exchange, struct client *client, struct answer *ret_answer)
{
	const bool json = exchange->route.json;
	struct clients *clients = exchange->web->clients;
	const bool watches = exchange->route.endpoint->need == NEED_FAILURE;

	switch (
	    watches ? clients_start_watch(clients, client) : clients_start_work(clients, client)) {
	case REFUSAL_REQUESTS:
		*ret_answer = answer_unavailable(
		    json, "too many requests at the same time (--web.max-requests)");
		return false;
	case REFUSAL_REQUESTS_PER_ADDRESS:
		*ret_answer =
		    answer_unavailable(json, "too many requests from one address at the same "
					     "time (--web.max-requests-per-address)");
		return false;
	default:
		return true;
	}
}

enum dispatched dispatch(
    struct exchange *exchange, const char *path, const char *method, struct answer *ret_answer)
{
	struct client *client = connection_client(exchange->connection);
	const struct route *route = &exchange->route;

	exchange->route = find_route(exchange, path, method);
	if (!route->endpoint) {
		*ret_answer = route->answer;
		return DISPATCH_ANSWERED;
	}
	if (route->endpoint->need == NEED_NOTHING) {
		*ret_answer = route->endpoint->render(&exchange->web->site, route, NULL);
		return DISPATCH_ANSWERED;
	}
	if (!client)
		return DISPATCH_GONE;
	return take_place(exchange, client, ret_answer) ? DISPATCH_WORKS : DISPATCH_ANSWERED;
}

static bool is_prompt(const struct exchange *exchange)
{
	const struct client *client = connection_client(exchange->connection);

	return client && clients_is_prompt(exchange->web->clients, client);
}

static void start_watch(struct exchange *exchange)
{
	struct failure_request *request = &exchange->request.failure;
	const struct route *route = &exchange->route;

	exchange->watcher = connection_client(exchange->connection);
	request->shared.deadline =
	    clock_in(route->seconds < FAILURE_WATCH_LONGEST_WAIT ? route->seconds
								 : FAILURE_WATCH_LONGEST_WAIT);
	request->shared.done = on_failed;
	request->has_id = route->has_failure_id;
	request->id = route->failure_id;
	request->is_gone = is_gone;
	failure_watch_submit(exchange->web->parts.failures, request);
}

static void start_lookup(struct exchange *exchange)
{
	struct lookup_request *request = &exchange->request.lookup;

	request->shared.done = on_looked_up;
	request->port = exchange->route.port;
	request->limit = exchange->route.limit;
	shared_lookup_submit(exchange->web->parts.lookup, request);
}

static void start_walk(struct exchange *exchange)
{
	struct scrape_request *request = &exchange->request.scrape;
	const struct route *route = &exchange->route;

	request->shared.done = on_scraped;
	request->asked = route->asked;
	request->namespace = route->namespace[0] ? route->namespace : NULL;
	request->port = route->port;
	request->limit = route->limit;
	request->mark = route->has_mark ? &route->mark : NULL;
	scraper_submit(exchange->web->parts.scraper, request);
}

void dispatch_start(struct exchange *exchange)
{
	const struct route *route = &exchange->route;

	if (route->endpoint->need == NEED_FAILURE) {
		start_watch(exchange);
		return;
	}
	exchange->request.shared.deadline = clock_in(route->seconds);
	exchange->request.shared.prompt = is_prompt(exchange);
	if (route->endpoint->need == NEED_LOOKUP)
		start_lookup(exchange);
	else
		start_walk(exchange);
}
