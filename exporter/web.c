// SPDX-License-Identifier: Apache-2.0
#include "exporter/web.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "exporter/log.h"
#include "exporter/pages.h"

#define DAEMONS_MAX 16
#define CONNECTION_MEMORY 16384 /* for a request's head; a longer one is answered with 4xx */
/* Connections that libmicrohttpd accepts beyond our limit, until those that we shut down
 * have been closed. */
#define CONNECTION_SLACK 32
#define CACHED_RESPONSES 8
/* Of a request's query. There is use for one per collector. */
#define PARAMETERS_MAX 64

/*
 * A response that the scraper's thread makes and the server's thread queues: whoever lets
 * go of it last destroys it. (libmicrohttpd counts only the connections it is queued on.)
 */
struct shared_response {
	atomic_uint holders;
	struct MHD_Response *response;
};

/* One response of the last scrape, for whoever asked for the same form of it. */
struct cached_response {
	unsigned long serial;
	struct route route;
	struct shared_response *shared;
};

struct web {
	struct web_options options;
	struct scraper *scraper;
	struct lookup *lookup; /* NULL: the API is off */
	struct self *self;
	struct clients *clients;
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	size_t length;
	atomic_uint waiting; /* scrapes and lookups waited for */
	struct answer index;
	struct cached_response cache[CACHED_RESPONSES]; /* the scraper's thread's */
	size_t cached;
};

/* One request, from its first line to the end of its response. */
struct exchange {
	union {
		struct shared_request shared; /* the first member of both */
		struct scrape_request scrape;
		struct lookup_request lookup;
	} request; /* first, since it is what is handed back */
	struct web *web;
	struct MHD_Connection *connection;
	char *target; /* as it was sent */
	bool routed;
	bool waits;
	struct route route;
	unsigned status;
	struct shared_response *shared; /* of work; NULL where there was no memory for one */
};

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* A header of a response. value NULL: the response is to do without. */
struct response_header {
	const char *name;
	const char *value;
};

/* Returns whether there was memory for all. */
static bool add_headers(
    struct MHD_Response *response, const struct response_header *headers, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (headers[i].value &&
		    MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			return false;
	return true;
}

/* Takes over the answer's body. Returns NULL where memory is out. */
static struct MHD_Response *make_response(struct answer *answer)
{
	const struct response_header headers[] = {
	    {MHD_HTTP_HEADER_CONTENT_TYPE, answer->type},
	    {"X-Content-Type-Options", "nosniff"},
	    {MHD_HTTP_HEADER_VARY, answer->varies ? "Accept, Accept-Encoding" : NULL},
	    {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->gzip ? "gzip" : NULL},
	    {MHD_HTTP_HEADER_CACHE_CONTROL, answer->no_store ? "no-store" : NULL},
	    {MHD_HTTP_HEADER_RETRY_AFTER, answer->retry ? "1" : NULL},
	    {MHD_HTTP_HEADER_ALLOW, answer->allow},
	    {"Content-Security-Policy", answer->policy},
	};
	struct MHD_Response *response =
	    answer->body ? MHD_create_response_from_buffer(answer->length, (char *)answer->body,
			       answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE)
			 : NULL;

	if (!response) {
		answer_release(answer);
		return NULL;
	}
	/* A body of gzip that does not say so is worse than none. */
	if (!add_headers(response, headers, sizeof(headers) / sizeof(headers[0]))) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

/* Takes over response, which may be NULL. Returns NULL where memory is out. */
static struct shared_response *share(struct MHD_Response *response)
{
	struct shared_response *shared = response ? malloc(sizeof(*shared)) : NULL;

	if (!shared) {
		if (response)
			MHD_destroy_response(response);
		return NULL;
	}
	atomic_init(&shared->holders, 1);
	shared->response = response;
	return shared;
}

static void let_go(struct shared_response *shared)
{
	if (!shared || atomic_fetch_sub(&shared->holders, 1) > 1)
		return;
	MHD_destroy_response(shared->response);
	free(shared);
}

static enum MHD_Result send_response(
    struct exchange *exchange, unsigned status, struct MHD_Response *response)
{
	struct web *web = exchange->web;

	if (!response)
		return MHD_NO;
	self_count_response(web->self, status);
	clients_set_phase(web->clients, client_of(exchange->connection), CLIENT_RESPONSE);
	return MHD_queue_response(exchange->connection, status, response);
}

/* Takes over the answer's body. */
static enum MHD_Result send_answer(struct exchange *exchange, struct answer answer)
{
	struct MHD_Response *response = make_response(&answer);
	const enum MHD_Result result = send_response(exchange, answer.status, response);

	if (response)
		MHD_destroy_response(response);
	return result;
}

static void clear_cache(struct web *web)
{
	for (size_t i = 0; i < web->cached; i++)
		let_go(web->cache[i].shared);
	web->cached = 0;
}

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
	if (web->cached && web->cache[0].serial != result->serial)
		clear_cache(web);
	for (size_t i = 0; i < web->cached; i++) {
		if (!route_is_same(&web->cache[i].route, &exchange->route))
			continue;
		atomic_fetch_add(&web->cache[i].shared->holders, 1);
		return web->cache[i].shared;
	}
	if (web->cached == CACHED_RESPONSES)
		clear_cache(web);

	struct answer answer = render(web, exchange, result);
	struct shared_response *shared = share(make_response(&answer));

	exchange->status = answer.status;
	if (!shared || answer.status != MHD_HTTP_OK)
		return shared;
	web->cache[web->cached++] =
	    (struct cached_response){result->serial, exchange->route, shared};
	atomic_fetch_add(&shared->holders, 1);
	return shared;
}

/* Ends the wait that serve_work() began. shared may be NULL. */
static void resume(struct exchange *exchange, struct shared_response *shared)
{
	if (!shared) {
		struct answer answer = render_failure(&exchange->route, -ENOMEM);

		exchange->status = answer.status;
		shared = share(make_response(&answer));
	}
	exchange->shared = shared;
	exchange->waits = false;
	atomic_fetch_sub(&exchange->web->waiting, 1);
	MHD_resume_connection(exchange->connection);
}

static void fail(struct exchange *exchange, int error)
{
	struct answer answer = render_failure(&exchange->route, error);

	exchange->status = answer.status;
	resume(exchange, share(make_response(&answer)));
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
	resume(exchange, find_response(exchange->web, exchange, result));
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
	resume(exchange, share(make_response(&answer)));
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* What takes a scrape or a lookup: the connection waits for its thread. */
static enum MHD_Result serve_work(struct exchange *exchange)
{
	struct web *web = exchange->web;
	const struct route *route = &exchange->route;
	const bool looks_up = route->kind == ROUTE_PORT;

	if (atomic_load(&web->waiting) >= web->options.max_requests)
		return send_answer(
		    exchange, answer_unavailable(route->json,
				  "too many requests at the same time (--web.max-requests)"));
	if (looks_up) {
		exchange->request.lookup.port = route->port;
		exchange->request.lookup.limit = route->limit;
	} else {
		exchange->request.scrape.asked = route->asked;
	}
	exchange->request.shared.deadline = clock_in(route->seconds);
	exchange->request.shared.done = looks_up ? on_looked_up : on_scraped;
	exchange->waits = true;
	atomic_fetch_add(&web->waiting, 1);
	clients_set_phase(web->clients, client_of(exchange->connection), CLIENT_WORK);
	MHD_suspend_connection(exchange->connection);
	if (looks_up)
		lookup_submit(web->lookup, &exchange->request.lookup);
	else
		scraper_submit(web->scraper, &exchange->request.scrape);
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

static enum MHD_Result route(struct exchange *exchange, const char *path, const char *method)
{
	struct web *web = exchange->web;
	struct MHD_Connection *connection = exchange->connection;
	const struct route_options options = {
	    .telemetry_path = web->options.telemetry_path,
	    .enabled = web->options.enabled,
	    .api = web->lookup != NULL,
	    .first_view = web->options.first_view,
	    .index = &web->index,
	};
	const struct http_request request = {
	    .method = method,
	    .path = path,
	    .target = exchange->target,
	    .accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
	    .accept_encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
	    .scrape_timeout = header(connection, "X-Prometheus-Scrape-Timeout-Seconds"),
	    .parameters = each_parameter,
	    .source = connection,
	};

	exchange->route = route_find(&options, &request);
	switch (exchange->route.kind) {
	case ROUTE_ANSWER:
		return send_answer(exchange, exchange->route.answer);
	case ROUTE_READY:
		return send_answer(exchange, find_readiness(web));
	default:
		return serve_work(exchange);
	}
}

static enum MHD_Result on_resumed(struct exchange *exchange)
{
	if (!exchange->shared)
		return MHD_NO;

	const enum MHD_Result result =
	    send_response(exchange, exchange->status, exchange->shared->response);

	let_go(exchange->shared);
	exchange->shared = NULL;
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **exchange_slot)
{
	struct exchange *exchange = *exchange_slot;

	(void)context;
	(void)version;
	(void)upload;
	if (!exchange)
		return MHD_NO; /* memory was out when the request began */
	if (exchange->routed)
		return exchange->waits ? MHD_YES : on_resumed(exchange);
	/*
	 * The first call comes before any body. A response at that point ends the connection,
	 * which is right for those who would send one, and wrong for everyone else.
	 */
	if (!exchange->connection) {
		exchange->connection = connection;
		if (route_reads(method))
			return MHD_YES;
	} else if (*upload_size) {
		*upload_size = 0; /* nobody wants it */
		return MHD_YES;
	}
	exchange->routed = true;
	return route(exchange, url, method);
}

static bool has_too_many_parameters(const char *target)
{
	size_t separators = 0;

	for (const char *i = strchr(target, '&'); i; i = strchr(i + 1, '&'))
		separators++;
	return separators >= PARAMETERS_MAX;
}

static void hang_up(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info)
		(void)shutdown(info->connect_fd, SHUT_RDWR);
}

/*
 * The raw request target, before libmicrohttpd decodes it into a C string, where "%00"
 * would hide what follows.
 *
 * libmicrohttpd goes on to put every parameter into the connection's memory. Where that runs
 * out it (0.9.75) makes an answer, and then forgets to send it: the connection would neither
 * be read from nor written to until its time is over, and never be told of as completed if
 * the server ended first.
 */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	if (has_too_many_parameters(target)) {
		hang_up(connection);
		return NULL;
	}

	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->web = context;
	clients_set_phase(exchange->web->clients, client_of(connection), CLIENT_REQUEST);
	exchange->target = strdup(target);
	if (!exchange->target) {
		free(exchange);
		return NULL;
	}
	return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange_slot,
    enum MHD_RequestTerminationCode how)
{
	struct web *web = context;
	struct exchange *exchange = *exchange_slot;

	(void)how;
	clients_set_phase(web->clients, client_of(connection), CLIENT_IDLE);
	if (!exchange)
		return;
	let_go(exchange->shared);
	free(exchange->target);
	free(exchange);
	*exchange_slot = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **client_slot,
    enum MHD_ConnectionNotificationCode what)
{
	struct web *web = context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		*client_slot = info ? clients_add(web->clients, info->connect_fd) : NULL;
	} else {
		clients_remove(web->clients, *client_slot);
		*client_slot = NULL;
	}
}

int web_new(const struct web_options *options, struct scraper *scraper, struct lookup *lookup,
    struct self *self, struct web **ret_web)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return -ENOMEM;
	web->options = *options;
	web->scraper = scraper;
	web->lookup = lookup;
	web->self = self;
	web->index = pages_index(options->telemetry_path, lookup != NULL);

	const int result = web->index.body ? clients_new(&options->limits, &web->clients) : -ENOMEM;

	if (result < 0) {
		web_free(web);
		return result;
	}
	*ret_web = web;
	return 0;
}

/* What peers do wrong is no news; whoever debugs wants it all the same. */
static void on_library_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_library_log(void *context, const char *format, va_list arguments)
{
	char line[512];

	(void)context;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_line(LOG_LEVEL_DEBUG, "HTTP server", "detail", line, NULL);
}

int web_serve(struct web *web, int fd)
{
	if (web->length == DAEMONS_MAX) {
		close(fd);
		return -E2BIG;
	}

	struct MHD_Daemon *daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, on_request, web, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    web->options.limits.connections + CONNECTION_SLACK, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target, web,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, web, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, web, MHD_OPTION_END);

	if (!daemon) {
		const int error = errno ? errno : ENOMEM;

		close(fd);
		return -error;
	}
	web->daemons[web->length++] = daemon;
	return 0;
}

void web_stop(struct web *web, unsigned seconds)
{
	for (size_t i = 0; i < web->length; i++) {
		const int fd = MHD_quiesce_daemon(web->daemons[i]);

		if (fd >= 0)
			close(fd);
	}
	if (!clients_drain(web->clients, seconds))
		log_line(
		    LOG_LEVEL_WARN, "A response was cut off: its client did not take it", NULL);
	/* No connection may be suspended when a daemon is stopped. */
	scraper_stop(web->scraper);
	if (web->lookup)
		lookup_stop(web->lookup);
	for (size_t i = 0; i < web->length; i++)
		MHD_stop_daemon(web->daemons[i]);
	web->length = 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	clear_cache(web);
	answer_release(&web->index);
	clients_free(web->clients);
	free(web);
}
