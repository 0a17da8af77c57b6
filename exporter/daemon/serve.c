// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "collectors/registry.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/base/version.h"
#include "exporter/daemon/confine.h"
#include "exporter/daemon/descriptor_limit.h"
#include "exporter/daemon/listeners.h"
#include "exporter/daemon/start_pages.h"
#include "exporter/daemon/systemd.h"
#include "exporter/scrape/shared_lookup.h"
#include "exporter/web/server.h"

#define IDLE_SECONDS 300 /* longer than any sensible scrape interval */
#define DRAIN_SECONDS 5	 /* for responses in flight when a signal ends us */
/* For files of /proc, netlink sockets and descriptors that are open from the start. */
#define OTHER_DESCRIPTORS 64

static void open_systemd(struct systemd *systemd)
{
	const int result = systemd_open(systemd);
	const char *wrong = systemd_read_watchdog(systemd);

	if (result < 0)
		log_line(LOG_LEVEL_WARN, "Cannot tell systemd that the exporter is ready",
		    "variable", "NOTIFY_SOCKET", "value", getenv("NOTIFY_SOCKET"), "err",
		    strerrordesc_np(-result), NULL);
	if (wrong)
		log_line(LOG_LEVEL_WARN, "Cannot report to the watchdog", "variable",
		    "WATCHDOG_USEC", "value", getenv("WATCHDOG_USEC"), "err", wrong, NULL);
}

static void tell_ready(const struct systemd *systemd, const struct listeners *listeners)
{
	char state[LISTEN_TEXT_SIZE + 64];
	char address[LISTEN_TEXT_SIZE];
	char more[32] = "";

	snprintf(address, sizeof(address), "%s", listeners->list[0].text);
	text_make_printable(address); /* a newline in it would begin another message */
	if (listeners->length > 1)
		snprintf(more, sizeof(more), " and %zu more", listeners->length - 1);
	snprintf(state, sizeof(state), "READY=1\nSTATUS=Listening on %s%s", address, more);
	systemd_tell(systemd, state);
}

/* Reports to the watchdog, if we are alive. */
static void tell_alive(const struct systemd *systemd, struct web *web, bool *hangs)
{
	if (web_is_alive(web, systemd->watchdog_seconds)) {
		*hangs = false;
		systemd_tell(systemd, "WATCHDOG=1");
		return;
	}
	if (!*hangs)
		log_line(LOG_LEVEL_ERROR, "A thread hangs: not reporting to the watchdog", NULL);
	*hangs = true;
}

/* At SIGHUP, which a terminal that closes also sends: like Prometheus, we go on. */
static void reload(struct config_watch *rules)
{
	if (rules)
		config_watch_reload(rules);
	else
		log_line(LOG_LEVEL_INFO, "Nothing to reload: there is no --web.config.file",
		    "signal", "SIGHUP", NULL);
}

/* Returns a signal; or a negative number at that time (NULL: never), maybe earlier. */
static int wait_for_signal(const sigset_t *signals, const struct timespec *until)
{
	const double until_then = until ? -clock_seconds_since(until) : 0;
	const double left = until_then > 0 ? until_then : 0;
	const struct timespec pause = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};

	return until ? sigtimedwait(signals, NULL, &pause) : sigwaitinfo(signals, NULL);
}

/*
 * Waits for a signal that ends us, and returns it. Reports to the watchdog meanwhile, however many
 * other signals come.
 */
static int wait_for_end(const sigset_t *signals, const struct systemd *systemd, struct web *web,
    struct config_watch *rules)
{
	const double period = systemd->watchdog_seconds / 2;
	struct timespec due = clock_in(period);
	bool hangs = false;

	for (;;) {
		const int number = wait_for_signal(signals, period > 0 ? &due : NULL);

		if (number == SIGHUP)
			reload(rules);
		else if (number > 0)
			return number;
		if (period > 0 && clock_seconds_since(&due) >= 0) {
			tell_alive(systemd, web, &hangs);
			due = clock_in(period);
		}
	}
}

/* The parts besides the scraper. */
struct parts {
	struct web_parts web;
	struct web *server;
	struct clients_limits limits;
	struct text listening; /* where, in words */
};

static int start_lookup(const struct serve_options *options, struct web_parts *parts)
{
	const struct shared_limit limit = {
	    (double)options->max_walks_per_second, self_refusals(parts->self)};
	const int result = shared_lookup_new(&options->source, options->sysfs,
	    scraper_lease_starts(parts->scraper), options->conntrack, &limit, &parts->lookup);

	return result < 0 ? result : shared_lookup_start(parts->lookup);
}

static int start_failures(struct web_parts *parts)
{
	parts->failures = scraper_failures(parts->scraper);
	return parts->failures ? failure_watch_start(parts->failures) : 0;
}

static int start_rules(struct web_parts *parts)
{
	const int result = auth_new(&parts->auth);

	if (result < 0)
		return result;
	return config_watch_start(parts->rules);
}

static struct clients_limits limits_of(const struct serve_options *options)
{
	return (struct clients_limits){
	    .connections = (unsigned)options->max_connections,
	    .per_peer = (unsigned)options->max_connections_per_address,
	    .works = (unsigned)options->max_requests,
	    .works_per_peer = (unsigned)options->max_requests_per_address,
	    .request_seconds = (unsigned)options->request_seconds,
	    .response_seconds = (unsigned)options->response_seconds,
	    .idle_seconds = IDLE_SECONDS,
	};
}

/* Too many connections would leave no descriptors for a scrape. */
static void fit_limits(struct clients_limits *limits, size_t listeners)
{
	const unsigned others = WEB_CONNECTION_SLACK + OTHER_DESCRIPTORS +
				WEB_DESCRIPTORS_PER_SOCKET * (unsigned)listeners;
	const long limit = descriptor_limit_raise(limits->connections + others);
	char texts[2][24];

	if (limit < 0) {
		log_line(LOG_LEVEL_WARN, "Cannot raise the limit of open files", "err",
		    strerrordesc_np((int)-limit), NULL);
		return;
	}

	const unsigned connections = descriptor_limit_fit(limit, limits->connections, others);

	if (connections == limits->connections)
		return;
	snprintf(texts[0], sizeof(texts[0]), "%ld", limit);
	snprintf(texts[1], sizeof(texts[1]), "%u", connections);
	log_line(LOG_LEVEL_WARN, "The limit of open files allows fewer connections", "flag",
	    "--web.max-connections", "open_files", texts[0], "connections", texts[1], NULL);
	limits->connections = connections;
	if (limits->per_peer > (connections + 1) / 2)
		limits->per_peer = (connections + 1) / 2;
}

static int start_parts(const struct serve_options *options, struct parts *parts)
{
	const struct web_options web_options = {
	    .max_header_bytes = (unsigned)options->max_header_bytes,
	    .limits = parts->limits,
	    .site =
		{
		    .telemetry_path = options->telemetry_path,
		    .enabled = options->enabled,
		    .api_is_guarded = options->all_namespaces,
		    .first_view = collectors_length,
		    .listening = parts->listening.data,
		    .procfs = options->procfs,
		    .source = options->source,
		},
	    .outlived = options->systemd_socket,
	};
	int result;

	scraper_warn_of_view(parts->web.scraper);
	result = scraper_start(parts->web.scraper);

	if (result == 0 && options->enable_api)
		result = start_lookup(options, &parts->web);
	if (result == 0 && options->enable_api)
		result = start_failures(&parts->web);
	if (result == 0 && parts->web.rules)
		result = start_rules(&parts->web);
	if (result == 0)
		result = web_new(&web_options, &parts->web, &parts->server);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "Cannot start", "err", strerrordesc_np(-result), NULL);
	return result;
}

static void free_parts(struct parts *parts)
{
	web_free(parts->server);
	shared_lookup_free(parts->web.lookup);
	auth_free(parts->web.auth);
	free(parts->listening.data);
	config_watch_free(parts->web.rules);
}

/* Runs with the listeners open and privileges given up: threads start here. */
static int run_threads(const struct serve_options *options, struct parts *parts,
    struct listeners *listeners, const struct systemd *systemd, const sigset_t *signals)
{
	listeners_describe(listeners, &parts->listening);

	int result = parts->listening.error ? parts->listening.error : start_parts(options, parts);

	if (result < 0)
		return result;
	log_line(LOG_LEVEL_INFO, "Starting ephemera", "version", EPHEMERA_VERSION, NULL);
	listeners_warn(listeners, options->procfs);
	result = listeners_serve(listeners, parts->server);
	if (result == 0) {
		start_pages_drop();
		tell_ready(systemd, listeners);

		const int number = wait_for_end(signals, systemd, parts->server, parts->web.rules);

		log_line(LOG_LEVEL_INFO, "Ending", "signal",
		    number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
		systemd_tell(systemd, "STOPPING=1\nSTATUS=Ending");
	}
	web_stop(parts->server, DRAIN_SECONDS);
	return result;
}

/* Such as a file that has been emptied. A reload would refuse it, but there is nothing to keep. */
static void warn_of_open_rules(const char *path, struct config_watch *watch)
{
	struct rules *rules = config_watch_take(watch);

	if (!rules->tls && rules->config->users_length == 0)
		log_line(LOG_LEVEL_WARN,
		    "No TLS and no password: the web configuration sets neither", "flag",
		    "--web.config.file", "value", path, NULL);
	rules_release(rules);
}

static int read_rules(
    const struct serve_options *options, struct self *self, struct config_watch **ret_rules)
{
	char error[WEB_CONFIG_ERROR_SIZE];

	if (!options->web_config)
		return 0;

	const int result =
	    config_watch_new(options->web_config, self_config_status(self), ret_rules, error);

	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "Cannot use the web configuration", "flag",
		    "--web.config.file", "err", error, NULL);
	else
		warn_of_open_rules(options->web_config, *ret_rules);
	return result;
}

/* The new user may not be able to read what root could. */
static void warn_of_unreadable_rules(const struct serve_options *options)
{
	char error[WEB_CONFIG_ERROR_SIZE];
	struct rules *rules;

	if (!options->web_config)
		return;
	if (rules_read(options->web_config, &rules, error) == 0)
		rules_release(rules);
	else
		log_line(LOG_LEVEL_WARN,
		    "Cannot read the web configuration again: restart to apply changes to it",
		    "flag", "--security.user", "value", options->user, "err", error, NULL);
}

int serve(const struct serve_options *options, struct scraper *scraper, struct self *self)
{
	struct parts parts = {
	    .web = {.scraper = scraper, .self = self},
	    .limits = limits_of(options),
	};
	struct listeners listeners = {0};
	struct systemd systemd;
	sigset_t signals;

	/* Blocked before any thread is started, so that only sigwait() gets them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	open_systemd(&systemd);

	int result = read_rules(options, self, &parts.web.rules);

	if (result == 0)
		result = listeners_open(options, &listeners);
	if (result == 0)
		fit_limits(&parts.limits, listeners.length);
	if (result == 0)
		result = confine(options, listeners_have_paths(&listeners), systemd.fd);
	if (result == 0)
		warn_of_unreadable_rules(options);
	if (result == 0)
		result = run_threads(options, &parts, &listeners, &systemd, &signals);
	free_parts(&parts);
	listeners_close(&listeners);
	systemd_close(&systemd);
	return result;
}
