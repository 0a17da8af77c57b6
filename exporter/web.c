// SPDX-License-Identifier: Apache-2.0
#include "exporter/web.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter/gzip.h"
#include "exporter/landing.h"
#include "exporter/log.h"
#include "exporter/negotiate.h"
#include "exporter/query.h"

#define DAEMONS_MAX 16
#define CONNECTION_MEMORY 16384 /* for a request's head; a longer one is answered with 4xx */
/* Connections that libmicrohttpd accepts beyond our limit, until those that we shut down
 * have been closed. */
#define CONNECTION_SLACK 32
#define CACHED_RESPONSES 8
#define DEFAULT_TIMEOUT_SECONDS 60.0

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
	collector_set asked;
	struct exposition_choice choice;
	bool gzip;
	struct shared_response *shared;
};

struct web {
	struct web_options options;
	struct scraper *scraper;
	struct self *self;
	struct clients *clients;
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	size_t length;
	atomic_uint waiting; /* scrapes waited for */
	struct MHD_Response *landing;
	struct cached_response cache[CACHED_RESPONSES]; /* the scraper's thread's */
	size_t cached;
};

/* One request, from its first line to the end of its response. */
struct exchange {
	struct scrape_request request; /* first, since the scraper hands it back */
	struct web *web;
	struct MHD_Connection *connection;
	bool bad_uri;
	bool routed;
	bool waits;
	struct exposition_choice choice;
	bool gzip;
	unsigned status;
	struct shared_response *shared; /* of a scrape; NULL where there was no memory for one */
};

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static struct MHD_Response *new_response(char *bytes, size_t length, const char *type)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);

	if (!response) {
		free(bytes);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
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

static struct MHD_Response *plain_text(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static struct MHD_Response *plain_text(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	const int length = vasprintf(&text, format, arguments);

	va_end(arguments);
	if (length < 0)
		return NULL;
	text_make_printable(text);
	text[length - 1] = '\n'; /* every format ends in one */
	return new_response(text, (size_t)length, "text/plain; charset=utf-8");
}

static enum MHD_Result send_own(
    struct exchange *exchange, unsigned status, struct MHD_Response *response)
{
	const enum MHD_Result result = send_response(exchange, status, response);

	if (response)
		MHD_destroy_response(response);
	return result;
}

static struct MHD_Response *render(
    const struct exchange *exchange, const struct scrape_result *result)
{
	struct text text = {0};
	char type[EXPOSITION_CONTENT_TYPE];
	const bool failed =
	    scrape_write(result, exchange->request.asked, exchange->choice.format, &text) < 0 ||
	    (exchange->gzip && gzip_text(&text) < 0);

	if (failed) {
		free(text.data);
		return NULL;
	}
	exposition_content_type(exchange->choice, type);

	struct MHD_Response *response = new_response(text.data, text.length, type);

	if (!response)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	if (exchange->gzip)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return response;
}

static void clear_cache(struct web *web)
{
	for (size_t i = 0; i < web->cached; i++)
		let_go(web->cache[i].shared);
	web->cached = 0;
}

static bool is_cached(const struct cached_response *cached, const struct exchange *exchange)
{
	return cached->asked == exchange->request.asked && cached->gzip == exchange->gzip &&
	       cached->choice.format == exchange->choice.format &&
	       cached->choice.escaping == exchange->choice.escaping;
}

/* The response for exchange, rendered once for all who want the same; NULL: no memory. */
static struct shared_response *find_response(
    struct web *web, const struct exchange *exchange, const struct scrape_result *result)
{
	if (web->cached && web->cache[0].serial != result->serial)
		clear_cache(web);
	for (size_t i = 0; i < web->cached; i++)
		if (is_cached(&web->cache[i], exchange))
			return web->cache[i].shared;
	if (web->cached == CACHED_RESPONSES)
		clear_cache(web);

	struct shared_response *shared = share(render(exchange, result));

	if (shared)
		web->cache[web->cached++] = (struct cached_response){result->serial,
		    exchange->request.asked, exchange->choice, exchange->gzip, shared};
	return shared;
}

static struct MHD_Response *unavailable(const char *why)
{
	struct MHD_Response *response = plain_text("503 Service Unavailable: %s\n", why);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	return response;
}

static const char *why_unavailable(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "the scrape took longer than the client's time-out";
	case -ESHUTDOWN:
		return "the exporter is shutting down";
	default:
		return "out of memory";
	}
}

/* In the scraper's thread. */
static void on_scraped(
    struct scrape_request *request, int error, const struct scrape_result *result)
{
	struct exchange *exchange = (struct exchange *)request;
	struct web *web = exchange->web;

	if (error == 0) {
		exchange->shared = find_response(web, exchange, result);
		if (exchange->shared)
			atomic_fetch_add(&exchange->shared->holders, 1);
		else
			error = -ENOMEM;
	}
	exchange->status = MHD_HTTP_OK;
	if (error < 0) {
		exchange->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		exchange->shared = share(unavailable(why_unavailable(error)));
	}
	exchange->waits = false;
	atomic_fetch_sub(&web->waiting, 1);
	MHD_resume_connection(exchange->connection);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/*
 * When an answer is of no use any more: a little before the time-out that Prometheus says
 * it has, so that the answer to a scrape that took too long still arrives.
 */
static struct timespec deadline_of(struct MHD_Connection *connection)
{
	const char *text = header(connection, "X-Prometheus-Scrape-Timeout-Seconds");
	double seconds = DEFAULT_TIMEOUT_SECONDS;
	struct timespec deadline;

	if (text) {
		char *end;
		const double asked = strtod(text, &end);

		if (end != text && *end == '\0' && asked > 0 && asked < DEFAULT_TIMEOUT_SECONDS)
			seconds = asked;
	}
	seconds -= seconds > 5 ? 0.5 : seconds / 10;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += (time_t)seconds;
	deadline.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	if (deadline.tv_nsec >= 1000000000L) {
		deadline.tv_nsec -= 1000000000L;
		deadline.tv_sec++;
	}
	return deadline;
}

static enum MHD_Result add_parameter(
    void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	query_add(context, key, value);
	return MHD_YES;
}

static enum MHD_Result serve_metrics(struct exchange *exchange)
{
	struct web *web = exchange->web;
	struct query query = {.enabled = web->options.enabled};

	MHD_get_connection_values(
	    exchange->connection, MHD_GET_ARGUMENT_KIND, add_parameter, &query);
	if (!query_finish(&query, &exchange->request.asked))
		return send_own(exchange, MHD_HTTP_BAD_REQUEST,
		    plain_text("400 Bad Request: %s\n", query.error));
	if (atomic_load(&web->waiting) >= web->options.max_requests)
		return send_own(exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
		    unavailable("too many scrapes at the same time (--web.max-requests)"));
	exchange->choice = negotiate_format(header(exchange->connection, MHD_HTTP_HEADER_ACCEPT));
	exchange->gzip =
	    negotiate_gzip(header(exchange->connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
	exchange->request.deadline = deadline_of(exchange->connection);
	exchange->request.done = on_scraped;
	exchange->waits = true;
	atomic_fetch_add(&web->waiting, 1);
	clients_set_phase(web->clients, client_of(exchange->connection), CLIENT_WORK);
	MHD_suspend_connection(exchange->connection);
	scraper_submit(web->scraper, &exchange->request);
	return MHD_YES;
}

static enum MHD_Result serve_ready(struct exchange *exchange)
{
	const struct web_options *options = &exchange->web->options;
	const int error = gather_probe(options->procfs, &options->source);

	if (error == 0)
		return send_own(exchange, MHD_HTTP_OK, plain_text("Ready.\n"));
	return send_own(exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
	    plain_text(
		"503 Service Unavailable: a scrape would fail: %s\n", strerrordesc_np(-error)));
}

static bool is_get_or_head(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result route(struct exchange *exchange, const char *path, const char *method)
{
	struct web *web = exchange->web;

	if (exchange->bad_uri)
		return send_own(exchange, MHD_HTTP_BAD_REQUEST,
		    plain_text("400 Bad Request: the request's target holds a zero byte\n"));

	const bool metrics = strcmp(path, web->options.telemetry_path) == 0;
	const bool landing = strcmp(path, "/") == 0;
	const bool healthy = strcmp(path, "/-/healthy") == 0;
	const bool ready = strcmp(path, "/-/ready") == 0;

	if (!metrics && !landing && !healthy && !ready)
		return send_own(exchange, MHD_HTTP_NOT_FOUND,
		    plain_text("404 Not Found: there is nothing at %.200s; metrics are at %s\n",
			path, web->options.telemetry_path));
	if (!is_get_or_head(method)) {
		struct MHD_Response *response =
		    plain_text("405 Method Not Allowed: %.32s; use GET or HEAD\n", method);

		if (response)
			MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
		return send_own(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, response);
	}
	if (metrics)
		return serve_metrics(exchange);
	if (ready)
		return serve_ready(exchange);
	if (healthy)
		return send_own(exchange, MHD_HTTP_OK, plain_text("Healthy.\n"));
	return send_response(exchange, MHD_HTTP_OK, web->landing);
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
		if (is_get_or_head(method))
			return MHD_YES;
	} else if (*upload_size) {
		*upload_size = 0; /* nobody wants it */
		return MHD_YES;
	}
	exchange->routed = true;
	return route(exchange, url, method);
}

/*
 * The raw request target, before libmicrohttpd decodes it into a C string, where "%00"
 * would hide what follows.
 */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->web = context;
	clients_set_phase(exchange->web->clients, client_of(connection), CLIENT_REQUEST);
	exchange->bad_uri = strstr(target, "%00") != NULL;
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

static struct MHD_Response *new_landing(const char *telemetry_path)
{
	size_t length;
	char *page = landing_page(telemetry_path, &length);
	struct MHD_Response *response =
	    page ? new_response(page, length, "text/html; charset=utf-8") : NULL;

	if (response)
		MHD_add_response_header(
		    response, "Content-Security-Policy", LANDING_CONTENT_SECURITY_POLICY);
	return response;
}

int web_new(const struct web_options *options, struct scraper *scraper, struct self *self,
    struct web **ret_web)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return -ENOMEM;
	web->options = *options;
	web->scraper = scraper;
	web->self = self;
	web->landing = new_landing(options->telemetry_path);

	const int result = web->landing ? clients_new(&options->limits, &web->clients) : -ENOMEM;

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
	for (size_t i = 0; i < web->length; i++)
		MHD_stop_daemon(web->daemons[i]);
	web->length = 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	clear_cache(web);
	if (web->landing)
		MHD_destroy_response(web->landing);
	clients_free(web->clients);
	free(web);
}
