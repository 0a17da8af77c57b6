// SPDX-License-Identifier: Apache-2.0
/* When the ports in TIME_WAIT come back, and whether the table of them overflows. */
#include <string.h>

#include "collectors/collector.h"
#include "collectors/kernel/mib.h"
#include "collectors/kernel/procfs.h"

static const struct metric_family sockets = {
    .name = "ephemera_time_wait_sockets",
    .help = "Sockets in TIME_WAIT by the time that is left: how soon ports come back.",
    .type = METRIC_GAUGE,
    .labels = {"remaining"},
    .example = "sum by (instance) (ephemera_time_wait_sockets{remaining=\"under_15s\"}) / 15",
};
static const struct metric_family limit_sockets = {
    .name = "ephemera_time_wait_limit_sockets",
    .help = "How many sockets may be in TIME_WAIT (tcp_max_tw_buckets). Above it connections "
	    "close without TIME_WAIT, and ephemera_time_wait_overflows_total grows.",
    .type = METRIC_GAUGE,
    .example = "sum without (remaining) (ephemera_time_wait_sockets) / "
	       "ephemera_time_wait_limit_sockets > 0.8",
};
static const struct metric_family entered = {
    .name = "ephemera_time_wait_entered_total",
    .help = "Sockets that entered TIME_WAIT (TcpExt TW and TWKilled). Its rate is how fast short "
	    "connections use up ports; times 60 s, the ports that TIME_WAIT holds.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_time_wait_entered_total[5m]) * 60",
};
static const struct metric_family recycled = {
    .name = "ephemera_time_wait_recycled_total",
    .help = "Sockets in TIME_WAIT that a new connection took over (TcpExt TWRecycled).",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_time_wait_recycled_total[5m]) / "
	       "rate(ephemera_time_wait_entered_total[5m])",
};
static const struct metric_family overflows = {
    .name = "ephemera_time_wait_overflows_total",
    .help = "Connections that found no place in the TIME_WAIT table (TcpExt "
	    "TCPTimeWaitOverflow): raise tcp_max_tw_buckets, or keep connections open longer.",
    .type = METRIC_COUNTER,
    .example = "increase(ephemera_time_wait_overflows_total[15m]) > 0",
};

static const struct metric_family *const families[] = {
    &sockets,
    &limit_sockets,
    &entered,
    &recycled,
    &overflows,
    NULL,
};

#define BUCKETS 4u
#define BUCKET_MS 15000u

static const char *const bucket_names[BUCKETS] = {
    "under_15s",
    "15s_to_30s",
    "30s_to_45s",
    "over_45s",
};

struct time_wait {
	const char *procfs;
	unsigned long counts[BUCKETS];
};

static int init(void *state, const struct collector_config *config)
{
	((struct time_wait *)state)->procfs = config->procfs;
	return 0;
}

static void reset(void *context)
{
	struct time_wait *state = context;

	memset(state->counts, 0, sizeof(state->counts));
}

static int observe(void *context, const struct socket *socket)
{
	struct time_wait *state = context;
	const unsigned bucket = socket->expires_ms / BUCKET_MS;

	if (socket->state == SOCKET_TIME_WAIT)
		state->counts[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	return 0;
}

enum { TW, TW_KILLED, TW_RECYCLED, TW_OVERFLOW, COUNTERS };

static int emit(void *context, struct metric_set *set)
{
	const struct time_wait *state = context;
	struct mib_counter counters[COUNTERS] = {
	    /* The kernel counts a TIME_WAIT of four seconds or less apart (inet_twsk_schedule). */
	    [TW] = {.group = "TcpExt", .name = "TW"},
	    [TW_KILLED] = {.group = "TcpExt", .name = "TWKilled"},
	    [TW_RECYCLED] = {.group = "TcpExt", .name = "TWRecycled"},
	    [TW_OVERFLOW] = {.group = "TcpExt", .name = "TCPTimeWaitOverflow"},
	};
	int limit;
	const int result = mib_read(state->procfs, "netstat", counters, COUNTERS);

	if (result < 0)
		return result;
	for (unsigned i = 0; i < BUCKETS; i++)
		metric_add(set, &sockets, (double)state->counts[i], METRIC_LABELS(bucket_names[i]));
	if (state->procfs &&
	    procfs_read_number(state->procfs, "sys/net/ipv4/tcp_max_tw_buckets", &limit) == 0)
		metric_add(set, &limit_sockets, limit, METRIC_NO_LABELS);
	if (counters[TW].found)
		metric_add(set, &entered, (double)(counters[TW].value + counters[TW_KILLED].value),
		    METRIC_NO_LABELS);
	if (counters[TW_RECYCLED].found)
		metric_add(set, &recycled, (double)counters[TW_RECYCLED].value, METRIC_NO_LABELS);
	if (counters[TW_OVERFLOW].found)
		metric_add(set, &overflows, (double)counters[TW_OVERFLOW].value, METRIC_NO_LABELS);
	return 0;
}

const struct collector time_wait_collector = {
    .name = "time_wait",
    .help = "when ports in TIME_WAIT come back; the table's limit and overflows",
    .cost = "One walk over all TCP sockets, /proc/net/netstat and one file below /proc/sys. It "
	    "keeps four numbers.",
    .on_by_default = true,
    .needs = NEEDS_TCP,
    .families = families,
    .state_size = sizeof(struct time_wait),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
};
