// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/log.h"
#include "exporter/web/engine.h"
#include "exporter/web/strict.h"

/* What libmicrohttpd needs for a request besides its bytes, and for the head of a response. */
#define CONNECTION_MEMORY 8192
/* In a request's query. At most one per collector is useful. */
#define PARAMETERS_MAX 64
/* From accept() to on_connection(), on a busy machine too. */
#define ACCEPT_NANOSECONDS 200000000L

static long long clock_nanoseconds(void)
{
	const struct timespec now = clock_now();

	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Each callback of the daemon's thread begins with it; until_left calls leave() on every path. */
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

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **exchange_slot)
{
	until_left struct server *server = enter(context);
	struct exchange *exchange = *exchange_slot;

	(void)server;
	(void)upload;
	(void)upload_size;
	if (!exchange)
		return MHD_NO; /* memory ran out when the request began */
	exchange->connection = connection;
	return exchange->waits ? MHD_YES : exchange_advance(exchange, url, method, version);
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
 * Gets the raw request target, before libmicrohttpd decodes it into a C string, which "%00" would
 * end.
 *
 * After this, libmicrohttpd (0.9.75) puts every parameter into the connection's memory. If that
 * runs out it makes an answer and forgets to send it: the connection then hangs until its timeout,
 * and is never reported as completed if the server ends first. So too many parameters are refused.
 */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	until_left struct server *server = enter(context);
	if (has_too_many_parameters(target)) {
		refusals_add(server->web->refusals, REFUSAL_HEADER_BYTES);
		hang_up(connection);
		return NULL;
	}

	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->web = server->web;
	if (exchange->web->parts.rules)
		exchange->rules = config_watch_take(exchange->web->parts.rules);
	clients_set_phase(exchange->web->clients, connection_client(connection), CLIENT_REQUEST);
	exchange->target = strdup(target);
	if (!exchange->target || !strict_shield(connection)) {
		exchange_free(exchange);
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
	clients_set_phase(web->clients, connection_client(connection), CLIENT_IDLE);
	if (!exchange)
		return;
	exchange_free(exchange);
	*exchange_slot = NULL;
}

/* Runs before the handshake: the connection keeps the rules that are in force now. */
static int begin_tls(struct web *web, struct MHD_Connection *connection, struct link *link)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (!info || !info->tls_session)
		return 0;
	link->rules = config_watch_take(web->parts.rules);
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
	/* Do not serve a connection that is not watched, or lacks the TLS that it must have. */
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
	web->site = options->site;
	web->site.api = parts->lookup != NULL;
	web->site.failures = parts->failures != NULL;

	const int result = clients_new(&options->limits, web->refusals, &web->clients);

	if (result < 0) {
		web_free(web);
		return result;
	}
	*ret_web = web;
	return 0;
}

/* Errors of peers are not worth a log line, except when debugging. */
static void on_library_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Counts libmicrohttpd's own answers: to what is not HTTP, and to a head that is too long for it.
 */
static void count_own_answer(struct web *web, const char *format, va_list arguments)
{
	static const char start[] = "Error processing request (HTTP response code is %u";
	va_list copy;

	if (strncmp(format, start, strlen(start)) != 0)
		return;
	va_copy(copy, arguments);

	const unsigned status = va_arg(copy, unsigned);

	va_end(copy);
	self_add_response(web->parts.self, status);
	if (status == MHD_HTTP_URI_TOO_LONG || status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE)
		refusals_add(web->refusals, REFUSAL_HEADER_BYTES);
	else if (status != MHD_HTTP_INTERNAL_SERVER_ERROR)
		refusals_add(web->refusals, REFUSAL_MALFORMED);
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
	struct rules *rules = web->parts.rules ? config_watch_take(web->parts.rules) : NULL;
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
	    MHD_OPTION_CONNECTION_LIMIT, web->options.limits.connections + WEB_CONNECTION_SLACK,
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
	       (!web->parts.failures || failure_watch_is_alive(web->parts.failures, seconds)) &&
	       (!web->parts.lookup || shared_lookup_is_alive(web->parts.lookup, seconds));
}

/*
 * A daemon's thread may have accepted a connection and not told us yet. There is no event if it has
 * not, so wait a moment.
 */
static void wait_for_the_accepted(void)
{
	nanosleep(&(struct timespec){.tv_nsec = ACCEPT_NANOSECONDS}, NULL);
}

void web_stop(struct web *web, unsigned seconds)
{
	int fds[DAEMONS_MAX];

	/* Until it ends, a daemon's thread may still use the socket that it gives back. */
	for (size_t i = 0; i < web->length; i++)
		fds[i] = MHD_quiesce_daemon(web->daemons[i]);
	if (web->options.outlived)
		wait_for_the_accepted();
	/* What they wait for may never come. */
	if (web->parts.failures)
		failure_watch_stop(web->parts.failures);
	if (!clients_drain(web->clients, seconds))
		log_line(
		    LOG_LEVEL_WARN, "Cut off a response: its client did not read it in time", NULL);
	/* No connection may be suspended when a daemon is stopped. */
	scraper_stop(web->parts.scraper);
	if (web->parts.lookup)
		shared_lookup_stop(web->parts.lookup);
	if (web->parts.auth)
		auth_stop(web->parts.auth);
	for (size_t i = 0; i < web->length; i++) {
		MHD_stop_daemon(web->daemons[i]);
		if (fds[i] >= 0)
			close(fds[i]);
	}
	web->length = 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	response_cache_clear(&web->cache);
	clients_free(web->clients);
	free(web);
}
