// SPDX-License-Identifier: Apache-2.0
/* How fast connections come and go, as the kernel counts them, IPv4 and IPv6 together. */

#include "collectors/collector.h"
#include "collectors/kernel/mib.h"

static const struct metric_family opens = {
    .name = "ephemera_tcp_opens_total",
    .help = "Connections opened (Tcp ActiveOpens, PassiveOpens). Each active one took an "
	    "ephemeral port, unless it was bound to another.",
    .type = METRIC_COUNTER,
    .labels = {"direction"},
    .example = "topk(10, rate(ephemera_tcp_opens_total{direction=\"active\"}[5m]))",
};
static const struct metric_family failures = {
    .name = "ephemera_tcp_open_failures_total",
    .help = "Attempts that failed before they were established (Tcp AttemptFails): refused, "
	    "timed out or reset. A connect() that found no port is not counted here.",
    .type = METRIC_COUNTER,
    .example = "topk(10, rate(ephemera_tcp_open_failures_total[5m]))",
};
static const struct metric_family resets_sent = {
    .name = "ephemera_tcp_resets_sent_total",
    .help = "Segments sent with RST (Tcp OutRsts).",
    .type = METRIC_COUNTER,
    .example = "topk(10, rate(ephemera_tcp_resets_sent_total[5m]))",
};
static const struct metric_family established_resets = {
    .name = "ephemera_tcp_established_resets_total",
    .help = "Established connections that ended by a reset (Tcp EstabResets): they leave no "
	    "TIME_WAIT.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_tcp_established_resets_total[5m]) / sum without (direction) "
	       "(rate(ephemera_tcp_opens_total[5m])) > 0.5",
};

static const struct metric_family *const families[] = {
    &opens,
    &failures,
    &resets_sent,
    &established_resets,
    NULL,
};

struct churn {
	const char *procfs;
};

static int init(void *state, const struct collector_config *config)
{
	((struct churn *)state)->procfs = config->procfs;
	return 0;
}

static void add(struct metric_set *set, const struct metric_family *family,
    const struct mib_counter *counter, const char *const labels[METRIC_LABELS_MAX + 1])
{
	if (counter->found)
		metric_add(set, family, (double)counter->value, labels);
}

enum { ACTIVE, PASSIVE, FAILS, RESETS_SENT, ESTABLISHED_RESETS, COUNTERS };

static int emit(void *state, struct metric_set *set)
{
	const struct churn *churn = state;
	struct mib_counter counters[COUNTERS] = {
	    [ACTIVE] = {.group = "Tcp", .name = "ActiveOpens"},
	    [PASSIVE] = {.group = "Tcp", .name = "PassiveOpens"},
	    [FAILS] = {.group = "Tcp", .name = "AttemptFails"},
	    [RESETS_SENT] = {.group = "Tcp", .name = "OutRsts"},
	    [ESTABLISHED_RESETS] = {.group = "Tcp", .name = "EstabResets"},
	};
	const int result = mib_read(churn->procfs, "snmp", counters, COUNTERS);

	if (result < 0)
		return result;
	add(set, &opens, &counters[ACTIVE], METRIC_LABELS("active"));
	add(set, &opens, &counters[PASSIVE], METRIC_LABELS("passive"));
	add(set, &failures, &counters[FAILS], METRIC_NO_LABELS);
	add(set, &resets_sent, &counters[RESETS_SENT], METRIC_NO_LABELS);
	add(set, &established_resets, &counters[ESTABLISHED_RESETS], METRIC_NO_LABELS);
	return 0;
}

const struct collector churn_collector = {
    .name = "churn",
    .help = "connections opened, failed and reset",
    .cost = "/proc/net/snmp. No walk, nothing kept.",
    .on_by_default = true,
    .families = families,
    .state_size = sizeof(struct churn),
    .init = init,
    .emit = emit,
};
