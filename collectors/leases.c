// SPDX-License-Identifier: Apache-2.0
#include "collectors/leases.h"

#include "collectors/kernel/exhaustion_probe.h"

/*
 * The bounds of bucket_of() in collectors/bpf/leases.bpf.h, in seconds. Connections of less than a
 * second that then waited in TIME_WAIT are between 60 and 61 s.
 */
static const double lease_bounds[LEASE_BOUNDS] = {
    .001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 60, 61, 120, 300, 900, 3600, 14400, 86400};

const struct metric_family port_lease = {
    .name = "ephemera_port_lease_seconds",
    .help = "How long outgoing TCP connections held the port that connect() gave them: from "
	    "SYN_SENT to the end, plus the time that TIME_WAIT keeps it from the next connection "
	    "to the same destination. Without connections that began before the exporter.",
    .type = METRIC_HISTOGRAM,
    .bounds = lease_bounds,
    .bounds_length = LEASE_BOUNDS,
    .example =
	"histogram_quantile(0.9, sum by (le) (rate(ephemera_port_lease_seconds_bucket[5m])))",
};
const struct metric_family port_reuse_interval = {
    .name = "ephemera_port_reuse_interval_seconds",
    .help = "Time from the release of a port until connect() gives the same number to another "
	    "connection, to any destination. Firewalls and NAT may still know the old one.",
    .type = METRIC_HISTOGRAM,
    .bounds = lease_bounds,
    .bounds_length = LEASE_BOUNDS,
    .example = "histogram_quantile(0.01, sum by (instance, le) "
	       "(rate(ephemera_port_reuse_interval_seconds_bucket[1h]))) < 1",
};
const struct metric_family untracked_port_leases = {
    .name = "ephemera_untracked_port_leases_total",
    .help = "Leases missing from the histograms because too many were held at the same time. If "
	    "it grows, raise --collector.exhaustion.leases-limit.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_untracked_port_leases_total[5m]) > 0",
};

static void add_histogram(
    const struct lease_histogram *one, uint64_t counts[static LEASE_BUCKETS], double *sum)
{
	for (size_t i = 0; i < LEASE_BUCKETS; i++)
		counts[i] += exhaustion_read(&one->counts[i]);
	*sum += (double)exhaustion_read(&one->sum_ns) * 1e-9;
}

void leases_emit(const struct lease_histograms *list, unsigned length, struct metric_set *set)
{
	uint64_t held[LEASE_BUCKETS] = {0};
	uint64_t reused[LEASE_BUCKETS] = {0};
	struct metric_histogram held_total = {lease_bounds, LEASE_BOUNDS, held, 0};
	struct metric_histogram reused_total = {lease_bounds, LEASE_BOUNDS, reused, 0};
	uint64_t untracked = 0;

	if (length == 0)
		return;
	for (unsigned i = 0; i < length; i++) {
		const struct lease_histograms *one = &list[i];

		add_histogram(&one->held, held, &held_total.sum);
		add_histogram(&one->reused, reused, &reused_total.sum);
		untracked += exhaustion_read(&one->untracked);
	}
	metric_add_histogram(set, &port_lease, &held_total, METRIC_NO_LABELS);
	metric_add_histogram(set, &port_reuse_interval, &reused_total, METRIC_NO_LABELS);
	metric_add(set, &untracked_port_leases, (double)untracked, METRIC_NO_LABELS);
}
