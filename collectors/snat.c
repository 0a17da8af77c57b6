// SPDX-License-Identifier: Apache-2.0
/* Ports that run out on the way out: those of source NAT, and the table of connection tracking. */
#include <errno.h>

#include "collectors/collector.h"
#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/conntrack_netlink.h"
#include "collectors/kernel/conntrack_stats.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/release.h"
#include "collectors/snat.h"
#include "collectors/snat_lost.h"
#include "collectors/snat_range.h"
#include "collectors/snat_series.h"
#include "collectors/tables/snat_pools.h"

static const struct metric_family source_info = {
    .name = "ephemera_snat_source_info",
    .help = "What the entries of connection tracking were read by, always 1.",
    .type = METRIC_GAUGE,
    .labels = {"source"},
    .example = "count by (source) (ephemera_snat_source_info)",
};
static const struct metric_family entries = {
    .name = "ephemera_conntrack_entries",
    .help = "Connections that connection tracking has an entry for (nf_conntrack_count).",
    .type = METRIC_GAUGE,
    .example = "ephemera_conntrack_entries / ephemera_conntrack_limit_entries > 0.8",
};
static const struct metric_family limit_entries = {
    .name = "ephemera_conntrack_limit_entries",
    .help = "How many entries there may be (nf_conntrack_max). When all are taken, packets of new "
	    "connections are dropped.",
    .type = METRIC_GAUGE,
    .example = "ephemera_conntrack_entries / ephemera_conntrack_limit_entries > 0.8",
};
static const struct metric_family insert_failed = {
    .name = "ephemera_conntrack_insert_failed_total",
    .help = "Entries that could not be inserted, since another connection had the same addresses "
	    "and ports: also those that source NAT found no port for.",
    .type = METRIC_COUNTER,
    .example = "increase(ephemera_conntrack_insert_failed_total[15m]) > 0",
};
static const struct metric_family drops = {
    .name = "ephemera_conntrack_drops_total",
    .help = "Packets that connection tracking dropped, such as those without a port for source "
	    "NAT, or without a place in the table.",
    .type = METRIC_COUNTER,
    .example = "increase(ephemera_conntrack_drops_total[15m]) > 0",
};
static const struct metric_family early_drops = {
    .name = "ephemera_conntrack_early_drops_total",
    .help = "Entries that were removed to make room for others in a full table.",
    .type = METRIC_COUNTER,
    .example = "increase(ephemera_conntrack_early_drops_total[15m]) > 0",
};

static const struct metric_family *const families[] = {
    &snat_ports,
    &snat_client_ports,
    &snat_loss_ratio,
    &snat_worst_ports,
    &snat_worst_ratio,
    &snat_other_ports,
    &snat_untracked_ports,
    &snat_range_ports,
    &source_info,
    &entries,
    &limit_entries,
    &insert_failed,
    &drops,
    &early_drops,
    &snat_lost_packets,
    &snat_other_lost_packets,
    &snat_missed_events,
    NULL,
};

struct snat {
	const char *procfs; /* NULL: of another network namespace */
	const unsigned long *values;
	bool by_netlink;
	struct conntrack *conntrack; /* NULL with netlink */
	int error;		     /* of opening it, which root must do; of asking by netlink */
	struct snat_range range;
	struct snat_pools *pools;
	struct snat_series series;
	struct snat_lost lost;
};

static void release(void *context)
{
	struct snat *state = context;

	conntrack_close(state->conntrack);
	snat_pools_free(state->pools);
	snat_series_release(&state->series);
	snat_lost_release(&state->lost);
}

int snat_open(const unsigned long *values, const char *procfs, struct conntrack **ret_conntrack)
{
	const char *reason;
	int result;

	if (values[SNAT_NETLINK])
		return conntrack_open_netlink(ret_conntrack);
	result = conntrack_open(procfs, ret_conntrack);
	/* Where the table cannot be read, the file is: ephemera_snat_source_info says so. */
	if (result == 0 && !values[SNAT_PROC] &&
	    conntrack_use_table(*ret_conntrack, &reason) == -ENOMEM) {
		conntrack_close(*ret_conntrack);
		*ret_conntrack = NULL;
		return -ENOMEM;
	}
	return result;
}

struct snat_pools_options snat_pools_options_of(
    const unsigned long *values, struct port_range ports)
{
	return (struct snat_pools_options){
	    .ports = ports,
	    .evicts = release_is_at_least(6, 5),
	    .has_clients = values[SNAT_CLIENTS_LIMIT] != 0,
	    .limit = values[SNAT_TRACKED_LIMIT],
	};
}

static int make_pools(struct snat *state, const struct collector_config *config)
{
	const unsigned long *values = config->values;
	const struct snat_pools_options options = snat_pools_options_of(values, state->range.ports);
	const unsigned size = port_range_size(options.ports);

	state->series.range = size;
	state->series.owners = config->addresses;
	state->series.clients = values[SNAT_CLIENTS_LIMIT];
	state->series.minimum = (unsigned)(size * values[SNAT_MINIMUM_PERCENT] / 100);
	state->pools = snat_pools_new(&options);
	return state->pools ? snat_series_init(&state->series, values[SNAT_LIMIT]) : -ENOMEM;
}

static int init(void *context, const struct collector_config *config)
{
	struct snat *state = context;

	state->procfs = config->procfs;
	if (!state->procfs)
		return 0;
	state->by_netlink = config->values[SNAT_NETLINK];
	state->values = config->values;
	state->error = snat_open(state->values, state->procfs, &state->conntrack);
	if (state->error == -ENOMEM)
		return -ENOMEM;
	if (snat_lost_init(&state->lost, config->values[SNAT_LIMIT]) < 0)
		return -ENOMEM;
	state->range = snat_range_find(config->values[SNAT_PORTS]);
	return make_pools(state, config);
}

static void reset(void *context)
{
	struct snat *state = context;

	if (state->pools)
		snat_pools_clear(state->pools);
}

static int visit(void *context, const struct conntrack_entry *entry)
{
	return snat_pools_add(context, entry);
}

static void forget(void *context)
{
	snat_pools_clear(context);
}

/* The table as a whole. It is left out, too, where its entries may not be read. */
static int emit_table(const struct snat *state, struct metric_set *set)
{
	enum { INSERT_FAILED, DROP, EARLY_DROP, COUNTERS };
	const struct metric_family *const counted[COUNTERS] = {
	    &insert_failed, &drops, &early_drops};
	struct conntrack_counter counters[COUNTERS] = {
	    [INSERT_FAILED] = {.name = "insert_failed"},
	    [DROP] = {.name = "drop"},
	    [EARLY_DROP] = {.name = "early_drop"},
	};
	int number;
	int result = state->by_netlink ? conntrack_netlink_stats(counters, COUNTERS)
				       : conntrack_stats_read(state->procfs, counters, COUNTERS);

	if (result < 0)
		return result;
	for (int i = 0; i < COUNTERS; i++)
		if (counters[i].found)
			metric_add(set, counted[i], (double)counters[i].value, METRIC_NO_LABELS);
	if (procfs_read_number(state->procfs, "sys/net/netfilter/nf_conntrack_count", &number) == 0)
		metric_add(set, &entries, number, METRIC_NO_LABELS);
	if (procfs_read_number(state->procfs, "sys/net/netfilter/nf_conntrack_max", &number) == 0)
		metric_add(set, &limit_entries, number, METRIC_NO_LABELS);
	return 0;
}

static int emit(void *context, struct metric_set *set)
{
	struct snat *state = context;
	int result;

	if (!state->procfs)
		return 0;
	/* Rules that came after the start began the tracking. */
	if (state->error < 0)
		state->error = snat_open(state->values, state->procfs, &state->conntrack);
	if (state->error < 0)
		return state->error == -ENOENT ? -EOPNOTSUPP : state->error;
	result = emit_table(state, set);
	if (result < 0)
		return result;
	result = conntrack_walk(state->conntrack, visit, forget, state->pools);
	if (result < 0)
		return result;
	snat_range_emit(&state->range, set);
	metric_add(set, &source_info, 1, METRIC_LABELS(conntrack_source(state->conntrack)));
	snat_lost_emit(&state->lost, set);
	return snat_series_emit(&state->series, state->pools, set);
}

static int check(const void *context, const char **ret_reason)
{
	const struct snat *state = context;

	if (state->error != -EACCES && state->error != -EPERM)
		return 0;
	*ret_reason = state->by_netlink
			  ? "--collector.snat.netlink needs CAP_NET_ADMIN in the user namespace "
			    "that the network namespace belongs to"
			  : "opening net/nf_conntrack below --path.procfs needs root or "
			    "CAP_DAC_READ_SEARCH at the start";
	return state->error;
}

static const char *lacks(const void *context)
{
	const struct snat *state = context;

	return state->lost.reason;
}

static unsigned features(const void *context)
{
	const struct snat *state = context;

	return state->lost.probe ? FEATURE_SNAT_LOST_PACKETS : 0u;
}

static const char *remark(const void *context)
{
	const struct snat *state = context;

	return state->range.remark;
}

static unsigned rights(const unsigned long *values)
{
	return values[SNAT_NETLINK] ? RIGHT_NET_ADMIN : 0;
}

static const struct collector_flag flags[] = {
    [SNAT_PORTS] = {"ports", "the ports that the rules of source NAT name", 0, 0, 0,
	.by_default = "from the rules of nftables, else 1024-65535", .is_ports = true},
    [SNAT_LIMIT] = {"limit",
	"how many of the fullest pools of each protocol are shown, and destinations with the most "
	"lost "
	"packets",
	20, 0, 1000},
    [SNAT_MINIMUM_PERCENT] = {"minimum-percent",
	"what share of the ports a pool must have taken to be shown, in percent", 1, 0, 100},
    [SNAT_CLIENTS_LIMIT] = {"clients-limit",
	"how many clients with the most ports are shown of each pool; 0: they are not looked at", 3,
	0, 100},
    [SNAT_TRACKED_LIMIT] = {"tracked-limit",
	"maximum pools counted for each protocol and family; 27 to 192 bytes each during a scrape",
	1000000, 1000, 100000000},
    [SNAT_NETLINK] = {"netlink",
	"read the entries by netlink, for kernels without net/nf_conntrack; the exporter then "
	"keeps "
	"CAP_NET_ADMIN",
	0, 0, 1, .by_default = "off"},
    [SNAT_PROC] = {"proc",
	"read the entries from net/nf_conntrack below --path.procfs even where BPF could, which "
	"costs less",
	0, 0, 1, .by_default = "off"},
    {.name = NULL},
};

const struct collector snat_collector = {
    .name = "snat",
    .help = "ports of source NAT (MASQUERADE, SNAT), and the table of connection tracking; needs "
	    "root or CAP_DAC_READ_SEARCH at the start, to count lost packets also CAP_BPF and "
	    "CAP_PERFMON",
    .cost =
	"It reads an entry for each connection that is tracked, by BPF where it may, else a line "
	"of "
	"/proc/net/nf_conntrack, which costs four to six times as much; and three small files; no "
	"socket. The rules of nftables are read once, at the start. Each pool and "
	"client takes memory as a destination and an owner do in destinations, until the scrape "
	"ends. To count lost packets, each packet that is dropped on the machine calls a BPF "
	"program, which has 80 KiB in the kernel.",
    .on_by_default = false,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct snat),
    .init = init,
    .reset = reset,
    .emit = emit,
    .check = check,
    .lacks = lacks,
    .features = features,
    .remark = remark,
    .rights = rights,
    .lacking = "nothing tracks connections in this network namespace, or the kernel has no "
	       "net/nf_conntrack below --path.procfs (--collector.snat.netlink does without it)",
    .release = release,
};
