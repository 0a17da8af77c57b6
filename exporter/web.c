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
#include "exporter/response.h"

#define DAEMONS_MAX 16
/* Connections that libmicrohttpd accepts beyond our limit, until those that we shut down
 * have been closed. */
#define CONNECTION_SLACK 32
/* What libmicrohttpd keeps of a request beside its bytes, and for the head of a response. */
#define CONNECTION_MEMORY 8192
/* Of a request's query. There is use for one per collector. */
#define PARAMETERS_MAX 64

/* What the thread of one daemon is at. */
struct server {
	struct web *web;
	atomic_llong entered; /* when it came into a callback of ours, in ns; 0: it is in none */
};

struct web {
	struct web_options options;
	struct web_parts parts;
	struct refusals *refusals;
	struct clients *clients;
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	struct server servers[DAEMONS_MAX];
	size_t length;
	atomic_uint waiting; /* scrapes and lookups waited for */
	struct answer index;
	struct response_cache cache; /* the scraper's thread's */
};

/* What we keep of a connection. */
struct link {
	struct client *client;
	struct rules *rules; /* of its TLS; NULL: none */
};

enum stage {
	STAGE_HEAD,	/* its line is here */
	STAGE_BODY,	/* its headers are, and a body may follow, which nobody wants */
	STAGE_PASSWORD, /* the password is being checked, or has been */
	STAGE_WORK,	/* it is answered, or waits for what takes time */
};

/* One request, from its first line to the end of its response. */
struct exchange {
	union {
		struct shared_request shared; /* the first member of both */
		struct scrape_request scrape;
		struct lookup_request lookup;
	} request; /* first, since it is what is handed back */
	struct auth_request auth;
	struct web *web;
	struct rules *rules; /* NULL: there are none */
	struct MHD_Connection *connection;
	char *target; /* as it was sent */
	enum stage stage;
	bool waits; /* for another thread, which resumes the connection */
	enum auth_verdict verdict;
	struct route route;
	unsigned status;
	struct shared_response *shared; /* of work; NULL where there was no memory for one */
};

static long long clock_nanoseconds(void)
{
	const struct timespec now = clock_now();

	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Each callback of the daemon's thread begins with it, and leaves on every path. */
static struct server *enter(void *context)
{
	struct server *server = context;

	atomic_store(&server->entered, clock_nanoseconds());
	return server;
}

static void leave(struct server **server)
{
	atomic_store(&(*server)->entered, 0);
}

#define until_left __attribute__((cleanup(leave)))

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const struct link *link = info ? info->socket_context : NULL;

	return link ? link->client : NULL;
}

static const struct web_config *config_of(const struct exchange *exchange)
{
	return exchange->rules ? exchange->rules->config : NULL;
}

static enum MHD_Result send_response(
    struct exchange *exchange, unsigned status, struct MHD_Response *response)
{
	struct web *web = exchange->web;

	if (!response)
		return MHD_NO;
	self_count_response(web->parts.self, status);
	clients_set_phase(web->clients, client_of(exchange->connection), CLIENT_RESPONSE);
	return MHD_queue_response(exchange->connection, status, response);
}

/* Takes over the answer's body. */
static enum MHD_Result send_answer(struct exchange *exchange, struct answer answer)
{
	struct MHD_Response *response = response_make(&answer, config_of(exchange));
	const enum MHD_Result result = send_response(exchange, answer.status, response);

	if (response)
		MHD_destroy_response(response);
	return result;
}

/* The connection waits, until resume(). */
static void suspend(struct exchange *exchange)
{
	exchange->waits = true;
	clients_set_phase(exchange->web->clients, client_of(exchange->connection), CLIENT_WORK);
	MHD_suspend_connection(exchange->connection);
}

/* In any thread. From here on the exchange is the server's thread's again. */
static void resume(struct exchange *exchange)
{
	exchange->waits = false;
	MHD_resume_connection(exchange->connection);
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
	const struct web_config *config = config_of(exchange);
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
		shared = response_share(&answer, config_of(exchange));
	}
	exchange->shared = shared;
	atomic_fetch_sub(&exchange->web->waiting, 1);
	resume(exchange);
}

static void fail(struct exchange *exchange, int error)
{
	struct answer answer = render_failure(&exchange->route, error);

	exchange->status = answer.status;
	finish_work(exchange, response_share(&answer, config_of(exchange)));
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
	finish_work(exchange, response_share(&answer, config_of(exchange)));
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

	if (atomic_load(&web->waiting) >= web->options.max_requests) {
		refusals_count(web->refusals, REFUSAL_REQUESTS);
		return send_answer(
		    exchange, answer_unavailable(route->json,
				  "too many requests at the same time (--web.max-requests)"));
	}
	if (looks_up) {
		exchange->request.lookup.port = route->port;
		exchange->request.lookup.limit = route->limit;
	} else {
		exchange->request.scrape.asked = route->asked;
	}
	exchange->request.shared.deadline = clock_in(route->seconds);
	exchange->request.shared.done = looks_up ? on_looked_up : on_scraped;
	atomic_fetch_add(&web->waiting, 1);
	suspend(exchange);
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

/* In the thread that checks passwords. */
static void on_checked(struct auth_request *request, enum auth_verdict verdict)
{
	struct exchange *exchange =
	    (struct exchange *)((char *)request - offsetof(struct exchange, auth));

	exchange->verdict = verdict;
	resume(exchange);
}

static bool is_excluded(const struct web_config *config, const char *path)
{
	for (size_t i = 0; i < config->excluded_paths.length; i++)
		if (strcmp(config->excluded_paths.list[i], path) == 0)
			return true;
	return false;
}

/* Whether the request may have what is at path, as far as a password decides. */
static enum auth_verdict authenticate(struct exchange *exchange, const char *path)
{
	const struct web_config *config = config_of(exchange);
	const struct client *client = client_of(exchange->connection);
	char *password = NULL;
	enum auth_verdict verdict = AUTH_DENIED;

	if (!config || config->users_length == 0 || is_excluded(config, path))
		return AUTH_GRANTED;

	char *name = MHD_basic_auth_get_username_password(exchange->connection, &password);

	if (name && password && client)
		verdict = auth_check(exchange->web->parts.auth, config, name, password,
		    client_peer(client), &exchange->auth);
	MHD_free(name);
	MHD_free(password);
	return verdict;
}

static enum MHD_Result refuse(struct exchange *exchange, enum auth_verdict verdict)
{
	struct answer answer;

	if (verdict == AUTH_BUSY) {
		refusals_count(exchange->web->refusals, REFUSAL_PASSWORD_CHECKS);
		return send_answer(
		    exchange, answer_unavailable(false, "too many passwords are being checked"));
	}
	answer = answer_error(false, MHD_HTTP_UNAUTHORIZED, "a name and its password are needed");
	answer.authenticate = true;
	return send_answer(exchange, answer);
}

/* What is refused whatever it asks for. Returns whether there is such an answer. */
static bool exceeds_limits(struct exchange *exchange, struct answer *ret_answer)
{
	struct web *web = exchange->web;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (info && info->header_size > web->options.max_header_bytes) {
		refusals_count(web->refusals, REFUSAL_HEADER_BYTES);
		*ret_answer = answer_error(false, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
		    "the request's line and headers are longer than %u bytes "
		    "(--web.max-header-bytes)",
		    web->options.max_header_bytes);
		return true;
	}
	if (web->parts.rules && !web_rules_let_through(web->parts.rules)) {
		refusals_count(web->refusals, REFUSAL_RATE_LIMIT);
		*ret_answer = answer_error(
		    false, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests (rate_limit)");
		ret_answer->retry = true;
		return true;
	}
	return false;
}

static enum MHD_Result route(struct exchange *exchange, const char *path, const char *method)
{
	struct web *web = exchange->web;
	struct MHD_Connection *connection = exchange->connection;
	const struct client *client = client_of(connection);
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
		return send_answer(exchange, exchange->route.answer);
	case ROUTE_READY:
		return send_answer(exchange, find_readiness(web));
	default:
		return serve_work(exchange);
	}
}

static enum MHD_Result on_worked(struct exchange *exchange)
{
	if (!exchange->shared)
		return MHD_NO;

	const enum MHD_Result result =
	    send_response(exchange, exchange->status, response_of(exchange->shared));

	response_release(exchange->shared);
	exchange->shared = NULL;
	return result;
}

/* The request is here as a whole, or as much of it as we want. */
static enum MHD_Result admit(struct exchange *exchange, const char *path, const char *method)
{
	struct answer answer;

	if (exchange->stage != STAGE_PASSWORD) {
		if (exceeds_limits(exchange, &answer)) {
			exchange->stage = STAGE_WORK;
			return send_answer(exchange, answer);
		}
		exchange->verdict = authenticate(exchange, path);
		if (exchange->verdict == AUTH_WAITS) {
			exchange->stage = STAGE_PASSWORD;
			exchange->auth.done = on_checked;
			suspend(exchange);
			auth_submit(exchange->web->parts.auth, &exchange->auth);
			return MHD_YES;
		}
	}
	exchange->stage = STAGE_WORK;
	return exchange->verdict == AUTH_GRANTED ? route(exchange, path, method)
						 : refuse(exchange, exchange->verdict);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **exchange_slot)
{
	until_left struct server *server = enter(context);
	struct exchange *exchange = *exchange_slot;

	(void)server;
	(void)version;
	(void)upload;
	if (!exchange)
		return MHD_NO; /* memory was out when the request began */
	if (exchange->waits)
		return MHD_YES;
	switch (exchange->stage) {
	case STAGE_HEAD:
		/*
		 * This call comes before any body. A response here ends the connection, which is
		 * right for those who would send one, and wrong for everyone else.
		 */
		exchange->connection = connection;
		exchange->stage = STAGE_BODY;
		return route_reads(method) ? MHD_YES : admit(exchange, url, method);
	case STAGE_BODY:
		if (!*upload_size)
			return admit(exchange, url, method);
		*upload_size = 0;
		return MHD_YES;
	case STAGE_PASSWORD:
		return admit(exchange, url, method);
	default:
		return on_worked(exchange);
	}
}

static void free_exchange(struct exchange *exchange)
{
	response_release(exchange->shared);
	rules_release(exchange->rules);
	free(exchange->target);
	free(exchange);
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
	until_left struct server *server = enter(context);
	if (has_too_many_parameters(target)) {
		refusals_count(server->web->refusals, REFUSAL_HEADER_BYTES);
		hang_up(connection);
		return NULL;
	}

	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->web = server->web;
	if (exchange->web->parts.rules)
		exchange->rules = web_rules_take(exchange->web->parts.rules);
	clients_set_phase(exchange->web->clients, client_of(connection), CLIENT_REQUEST);
	exchange->target = strdup(target);
	if (!exchange->target) {
		free_exchange(exchange);
		return NULL;
	}
	return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange_slot,
    enum MHD_RequestTerminationCode how)
{
	until_left struct server *server = enter(context);
	struct web *web = server->web;
	struct exchange *exchange = *exchange_slot;

	(void)how;
	clients_set_phase(web->clients, client_of(connection), CLIENT_IDLE);
	if (!exchange)
		return;
	free_exchange(exchange);
	*exchange_slot = NULL;
}

/* Before the handshake: its rules are the ones in force now. */
static int begin_tls(struct web *web, struct MHD_Connection *connection, struct link *link)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (!info || !info->tls_session)
		return 0;
	link->rules = web_rules_take(web->parts.rules);
	return link->rules->tls ? tls_begin(link->rules->tls, info->tls_session) : -EINVAL;
}

static void free_link(struct web *web, struct link *link)
{
	if (!link)
		return;
	clients_remove(web->clients, link->client);
	rules_release(link->rules);
	free(link);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **link_slot,
    enum MHD_ConnectionNotificationCode what)
{
	until_left struct server *server = enter(context);
	struct web *web = server->web;
	struct link *link = *link_slot;

	if (what != MHD_CONNECTION_NOTIFY_STARTED) {
		free_link(web, link);
		*link_slot = NULL;
		return;
	}

	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!info)
		return;
	link = calloc(1, sizeof(*link));
	if (link)
		link->client = clients_add(web->clients, info->connect_fd);
	*link_slot = link;
	/* Who is not watched, or not as secure as asked for, is not served. */
	if (!link || !link->client || begin_tls(web, connection, link) < 0)
		(void)shutdown(info->connect_fd, SHUT_RDWR);
}

int web_new(const struct web_options *options, const struct web_parts *parts, struct web **ret_web)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return -ENOMEM;
	web->options = *options;
	web->parts = *parts;
	web->refusals = self_refusals(parts->self);
	web->index = pages_index(options->telemetry_path, parts->lookup != NULL);

	const int result =
	    web->index.body ? clients_new(&options->limits, web->refusals, &web->clients) : -ENOMEM;

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

/* What libmicrohttpd answers by itself: to what is no HTTP, and where a head is too long for it. */
static void count_own_answer(struct web *web, const char *format, va_list arguments)
{
	static const char start[] = "Error processing request (HTTP response code is %u";
	va_list copy;

	if (strncmp(format, start, strlen(start)) != 0)
		return;
	va_copy(copy, arguments);

	const unsigned status = va_arg(copy, unsigned);

	va_end(copy);
	self_count_response(web->parts.self, status);
	if (status == MHD_HTTP_URI_TOO_LONG || status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE)
		refusals_count(web->refusals, REFUSAL_HEADER_BYTES);
}

static void on_library_log(void *context, const char *format, va_list arguments)
{
	char line[512];

	count_own_answer(context, format, arguments);
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_line(LOG_LEVEL_DEBUG, "HTTP server", "detail", line, NULL);
}

static bool has_tls(const struct web *web)
{
	struct rules *rules = web->parts.rules ? web_rules_take(web->parts.rules) : NULL;
	const bool tls = rules && rules->tls;

	rules_release(rules);
	return tls;
}

int web_serve(struct web *web, int fd)
{
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_refusing_callback()},
	    {MHD_OPTION_END, 0, NULL},
	};
	unsigned flags =
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (web->length == DAEMONS_MAX) {
		close(fd);
		return -E2BIG;
	}
	if (has_tls(web))
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;

	struct server *server = &web->servers[web->length];

	server->web = web;

	struct MHD_Daemon *daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server,
	    MHD_OPTION_EXTERNAL_LOGGER, on_library_log, web, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, web->options.limits.connections + CONNECTION_SLACK,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)web->options.max_header_bytes * 2 + CONNECTION_MEMORY,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
	    MHD_OPTION_ARRAY, tls, MHD_OPTION_END);

	if (!daemon) {
		const int error = errno ? errno : ENOMEM;

		close(fd);
		return -error;
	}
	web->daemons[web->length++] = daemon;
	return 0;
}

bool web_is_alive(const struct web *web, double seconds)
{
	const double now = (double)clock_nanoseconds();

	for (size_t i = 0; i < web->length; i++) {
		const long long entered = atomic_load(&web->servers[i].entered);

		if (entered && now - (double)entered > 1e9 * seconds)
			return false;
	}
	return scraper_is_alive(web->parts.scraper, seconds) &&
	       (!web->parts.lookup || lookup_is_alive(web->parts.lookup, seconds));
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
	scraper_stop(web->parts.scraper);
	if (web->parts.lookup)
		lookup_stop(web->parts.lookup);
	if (web->parts.auth)
		auth_stop(web->parts.auth);
	for (size_t i = 0; i < web->length; i++)
		MHD_stop_daemon(web->daemons[i]);
	web->length = 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	response_cache_clear(&web->cache);
	answer_release(&web->index);
	clients_free(web->clients);
	free(web);
}
