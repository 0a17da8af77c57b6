// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/self_metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/base/version.h"
#include "exporter/scrape/process.h"

static const struct metric_family build_info = {
    .name = "ephemera_build_info",
    .help = "1, with the version of the running exporter.",
    .type = METRIC_GAUGE,
    .labels = {"version", "compiler"},
    .example = "count by (version) (ephemera_build_info)",
};
static const struct metric_family kernel_feature = {
    .name = "ephemera_kernel_feature",
    .help =
	"1 if the kernel shows it, 0 if it is missing from the metrics. sock_diag: else "
	"/proc/net is read. socket_walk: sockets are read by BPF, at a fraction of the cost. "
	"bound_inactive: sockets that only bind() (Linux 6.8; with socket_walk on every one). "
	"bound_interface: the interface that a socket is bound to; without it the same "
	"destination through two interfaces is one. With socket_walk, "
	"--collector.binds.buckets or "
	"--collector.exhaustion: bind_before_connect (sockets that bind(src, 0) and then "
	"connect()), time_wait_reuse (the TIME_WAIT that connect() may reuse; else none counts "
	"as reusable). With --collector.exhaustion: port_exhaustion, bind_port_exhaustion "
	"(calls that found no port), bind_conflicts (calls that were refused the port they asked "
	"for). With --collector.snat: snat_lost_packets (packets that source NAT found no port "
	"for). With --collector.owners: cgroup_owners (a socket's cgroup; needs cgroup version 2 "
	"and Linux 5.8).",
    .type = METRIC_GAUGE,
    .labels = {"feature"},
    .example = "ephemera_kernel_feature{feature=~\"sock_diag|bound_inactive\"} == 0",
};
static const struct metric_family source_info = {
    .name = "ephemera_socket_source_info",
    .help = "1, with the source of the protocol's sockets: bpf, sock_diag, procfs or "
	    "replay.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "source"},
    .example = "ephemera_socket_source_info{source!~\"bpf|sock_diag\"}",
};
static const struct metric_family collector_duration = {
    .name = "ephemera_scrape_collector_duration_seconds",
    .help = "Time of the collector without the walk over the sockets, which all share: see "
	    "ephemera_scrape_listing_duration_seconds.",
    .type = METRIC_GAUGE,
    .labels = {"collector"},
    .example = "topk(5, ephemera_scrape_collector_duration_seconds)",
};
static const struct metric_family collector_success = {
    .name = "ephemera_scrape_collector_success",
    .help = "1 if the collector succeeded; 0 if not: then its metrics are missing, and the log "
	    "says why.",
    .type = METRIC_GAUGE,
    .labels = {"collector"},
    .example = "ephemera_scrape_collector_success == 0",
};
static const struct metric_family listing_duration = {
    .name = "ephemera_scrape_listing_duration_seconds",
    .help = "Time of each listing of sockets, including the collectors' work on them.",
    .type = METRIC_GAUGE,
    .labels = {"listing"},
    .example = "max by (listing) (ephemera_scrape_listing_duration_seconds)",
};
static const struct metric_family scrape_duration = {
    .name = "ephemera_scrape_duration_seconds",
    .help = "Time of the whole scrape in the exporter. Keep it below the scrape "
	    "timeout.",
    .type = METRIC_GAUGE,
    .example = "ephemera_scrape_duration_seconds > 5",
};
static const struct metric_family scrape_sockets = {
    .name = "ephemera_scrape_sockets",
    .help = "Sockets that this scrape saw; with --namespaces=all, of every network namespace.",
    .type = METRIC_GAUGE,
    .example = "ephemera_scrape_duration_seconds / ephemera_scrape_sockets",
};
static const struct metric_family scrapes = {
    .name = "ephemera_scrapes_total",
    .help = "Walks over the sockets. Requests at the same time share one, so there may be fewer "
	    "walks than requests.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_scrapes_total[10m]) * 60",
};
static const struct metric_family http_requests = {
    .name = "ephemera_http_requests_total",
    .help = "Responses, by status code, before this one.",
    .type = METRIC_COUNTER,
    .labels = {"code"},
    .example = "sum by (instance, code) (rate(ephemera_http_requests_total{code!=\"200\"}[5m])) > "
	       "0",
};
static const struct metric_family http_refused = {
    .name = "ephemera_http_refused_total",
    .help = "What the exporter's limits stopped, by reason. Connections closed for newer ones: "
	    "connections, connections_per_address. Too slow: request_timeout, response_timeout. "
	    "Requests refused: header_bytes (line and headers too long), requests and "
	    "requests_per_address (too many at a time), password_checks (too many to check), "
	    "rate_limit. Walks that had to wait: walks. --help has the flags.",
    .type = METRIC_COUNTER,
    .labels = {"reason"},
    .example = "sum by (instance, reason) (rate(ephemera_http_refused_total[5m])) > 0",
};
static const struct metric_family config_successful = {
    .name = "ephemera_web_config_last_reload_successful",
    .help = "1 if the current --web.config.file is in use; 0 if it is wrong or needs a restart, "
	    "and the previous one is still in use. The log says why.",
    .type = METRIC_GAUGE,
    .example = "ephemera_web_config_last_reload_successful == 0",
};
static const struct metric_family config_success_time = {
    .name = "ephemera_web_config_last_reload_success_timestamp_seconds",
    .help = "When --web.config.file was last read successfully, in seconds since 1970.",
    .type = METRIC_GAUGE,
    .example = "changes(ephemera_web_config_last_reload_success_timestamp_seconds[1d])",
};
static const struct metric_family certificate_expiry = {
    .name = "ephemera_web_tls_certificate_expiry_timestamp_seconds",
    .help = "When the certificate of tls_server_config expires, in seconds since 1970.",
    .type = METRIC_GAUGE,
    .example = "ephemera_web_tls_certificate_expiry_timestamp_seconds - time() < 7 * 86400",
};
static const struct metric_family process_families[] = {
    [PROCESS_CPU_SECONDS] = {"process_cpu_seconds_total",
	"CPU time of the exporter, user and system.", METRIC_COUNTER, {NULL},
	"topk(5, rate(process_cpu_seconds_total{job=\"ephemera\"}[5m]))"},
    [PROCESS_OPEN_FDS] = {"process_open_fds", "Open file descriptors of the exporter.",
	METRIC_GAUGE, {NULL},
	"process_open_fds{job=\"ephemera\"} / process_max_fds{job=\"ephemera\"} > 0.8"},
    [PROCESS_MAX_FDS] = {"process_max_fds", "How many descriptors the exporter may open.",
	METRIC_GAUGE, {NULL}, "process_max_fds{job=\"ephemera\"} < 1024"},
    [PROCESS_VIRTUAL_BYTES] = {"process_virtual_memory_bytes", "Address space of the exporter.",
	METRIC_GAUGE, {NULL}, "topk(5, process_virtual_memory_bytes{job=\"ephemera\"})"},
    [PROCESS_RESIDENT_BYTES] = {"process_resident_memory_bytes", "Resident memory of the exporter.",
	METRIC_GAUGE, {NULL}, "process_resident_memory_bytes{job=\"ephemera\"} > 50e6"},
    [PROCESS_START_SECONDS] = {"process_start_time_seconds",
	"When the exporter was started, in seconds since 1970.", METRIC_GAUGE, {NULL},
	"changes(process_start_time_seconds{job=\"ephemera\"}[1h]) > 2"},
};

const struct metric_family *const self_outcome_families[] = {
    &collector_duration,
    &collector_success,
    NULL,
};

const struct metric_family *const self_families[] = {
    &build_info,
    &kernel_feature,
    &source_info,
    &listing_duration,
    &scrape_duration,
    &scrape_sockets,
    &scrapes,
    &http_requests,
    &http_refused,
    &config_successful,
    &config_success_time,
    &certificate_expiry,
    &process_families[PROCESS_CPU_SECONDS],
    &process_families[PROCESS_OPEN_FDS],
    &process_families[PROCESS_MAX_FDS],
    &process_families[PROCESS_VIRTUAL_BYTES],
    &process_families[PROCESS_RESIDENT_BYTES],
    &process_families[PROCESS_START_SECONDS],
    NULL,
};

/* The statuses that we or libmicrohttpd send; the last counts all others. */
static const unsigned codes[] = {200, 400, 401, 403, 404, 405, 414, 429, 431, 500, 503, 0};

#define CODES (sizeof(codes) / sizeof(codes[0]))

struct self {
	bool quiet;
	unsigned long scrapes;
	atomic_ulong responses[CODES];
	struct refusals refusals;
	struct config_status config;
};

static const char *const reasons[] = {
    [REFUSAL_CONNECTIONS] = "connections",
    [REFUSAL_CONNECTIONS_PER_ADDRESS] = "connections_per_address",
    [REFUSAL_HEADER_BYTES] = "header_bytes",
    [REFUSAL_MALFORMED] = "malformed",
    [REFUSAL_REQUEST_TIMEOUT] = "request_timeout",
    [REFUSAL_RESPONSE_TIMEOUT] = "response_timeout",
    [REFUSAL_REQUESTS] = "requests",
    [REFUSAL_REQUESTS_PER_ADDRESS] = "requests_per_address",
    [REFUSAL_PASSWORD_CHECKS] = "password_checks",
    [REFUSAL_RATE_LIMIT] = "rate_limit",
    [REFUSAL_WALKS] = "walks",
};

struct self *self_new(bool quiet)
{
	struct self *self = calloc(1, sizeof(*self));

	if (self)
		self->quiet = quiet;
	return self;
}

void self_free(struct self *self)
{
	free(self);
}

struct refusals *self_refusals(struct self *self)
{
	return &self->refusals;
}

struct config_status *self_config_status(struct self *self)
{
	return &self->config;
}

void self_add_response(struct self *self, unsigned status)
{
	size_t i = 0;

	while (codes[i] && codes[i] != status)
		i++;
	atomic_fetch_add(&self->responses[i], 1);
}

void self_emit_outcomes(const struct self *self, const struct gathering *gathering,
    collector_set asked, struct metric_set *set)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const struct collector_outcome *outcome = &gathering->outcomes[i];
		const char *const *labels = METRIC_LABELS(collectors[i]->name);

		if (!((gathering->asked & asked) >> i & 1))
			continue;
		if (!self->quiet)
			metric_add(set, &collector_duration, outcome->seconds, labels);
		metric_add(set, &collector_success, outcome->error == 0, labels);
	}
}

static void emit_feature(
    struct metric_set *set, unsigned features, enum kernel_feature feature, const char *name)
{
	metric_add(set, &kernel_feature, (features & feature) != 0, METRIC_LABELS(name));
}

static void emit_features(const struct source *source, unsigned features, struct metric_set *set)
{
	const enum source_kind kind = source_used(source, SOCKET_TCP);

	metric_add(set, &kernel_feature, kind == SOURCE_SOCK_DIAG || kind == SOURCE_BPF,
	    METRIC_LABELS("sock_diag"));
	metric_add(
	    set, &kernel_feature, source_sees_bound_only(source), METRIC_LABELS("bound_inactive"));
	metric_add(set, &kernel_feature, kind == SOURCE_BPF, METRIC_LABELS("socket_walk"));
	/* /proc/net has no column for it. */
	metric_add(set, &kernel_feature, kind != SOURCE_PROCFS, METRIC_LABELS("bound_interface"));
	/* sock_diag does not show bind(src, 0) before connect(): publish that it is missing. */
	emit_feature(set, features, FEATURE_BIND_BEFORE_CONNECT, "bind_before_connect");
	emit_feature(set, features, FEATURE_TIME_WAIT_REUSE, "time_wait_reuse");
	emit_feature(set, features, FEATURE_PORT_EXHAUSTION, "port_exhaustion");
	emit_feature(set, features, FEATURE_BIND_PORT_EXHAUSTION, "bind_port_exhaustion");
	emit_feature(set, features, FEATURE_BIND_CONFLICTS, "bind_conflicts");
	emit_feature(set, features, FEATURE_SNAT_LOST_PACKETS, "snat_lost_packets");
	/* Without a socket the collector cannot notice that /proc does not show it. */
	if (source_used(source, SOCKET_TCP) == SOURCE_PROCFS)
		features &= ~(unsigned)FEATURE_CGROUP_OWNERS;
	emit_feature(set, features, FEATURE_CGROUP_OWNERS, "cgroup_owners");
	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++)
		metric_add(set, &source_info, 1,
		    METRIC_LABELS(socket_protocol_name(protocol),
			source_kind_name(source_used(source, protocol))));
}

static void emit_listings(const struct gathering *gathering, struct metric_set *set)
{
	for (enum listing listing = 0; listing < LISTINGS; listing++)
		if (gathering->listed[listing])
			metric_add(set, &listing_duration, gathering->listing_seconds[listing],
			    METRIC_LABELS(listing_name(listing)));
	metric_add(set, &scrape_duration, gathering->seconds, METRIC_NO_LABELS);
	metric_add(set, &scrape_sockets, (double)gathering->sockets, METRIC_NO_LABELS);
}

static void emit_responses(struct self *self, struct metric_set *set)
{
	for (size_t i = 0; i < CODES; i++) {
		char code[12];

		snprintf(code, sizeof(code), "%u", codes[i]);
		metric_add(set, &http_requests, (double)atomic_load(&self->responses[i]),
		    METRIC_LABELS(codes[i] ? code : "other"));
	}
}

static void emit_refusals(const struct self *self, struct metric_set *set)
{
	for (size_t i = 0; i < REFUSALS; i++)
		metric_add(set, &http_refused, (double)atomic_load(&self->refusals.counts[i]),
		    METRIC_LABELS(reasons[i]));
}

static void emit_config(const struct self *self, struct metric_set *set)
{
	const struct config_status *status = &self->config;

	if (!atomic_load(&status->is_known))
		return;

	const double expiry = (double)atomic_load(&status->certificate_expiry);

	metric_add(set, &config_successful, atomic_load(&status->successful), METRIC_NO_LABELS);
	metric_add(set, &config_success_time, (double)atomic_load(&status->success_seconds),
	    METRIC_NO_LABELS);
	if (expiry > 0)
		metric_add(set, &certificate_expiry, expiry, METRIC_NO_LABELS);
}

static void emit_process(struct metric_set *set)
{
	double values[PROCESS_FIGURES];

	if (process_read(values) < 0)
		return;
	for (int i = 0; i < PROCESS_FIGURES; i++)
		metric_add(set, &process_families[i], values[i], METRIC_NO_LABELS);
}

void self_emit(struct self *self, const struct gathering *gathering, const struct source *source,
    struct metric_set *set)
{
	self->scrapes++;
	if (self->quiet)
		return;
	metric_add(set, &build_info, 1, METRIC_LABELS(EPHEMERA_VERSION, EPHEMERA_COMPILER));
	emit_features(source, gathering->features, set);
	emit_listings(gathering, set);
	metric_add(set, &scrapes, (double)self->scrapes, METRIC_NO_LABELS);
	emit_responses(self, set);
	emit_refusals(self, set);
	emit_config(self, set);
	emit_process(set);
}
