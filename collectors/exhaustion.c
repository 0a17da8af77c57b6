// SPDX-License-Identifier: Apache-2.0
/*
 * The calls that found no ephemeral port or were refused one, as the kernel sees them, and how long
 * ports are held. Other collectors show how many ports are left; this one shows the calls that
 * failed.
 */
#include <errno.h>
#include <stdlib.h>

#include "collectors/bind_conflicts.h"
#include "collectors/collector.h"
#include "collectors/exhausted_destinations.h"
#include "collectors/exhausted_elsewhere.h"
#include "collectors/exhausted_owners.h"
#include "collectors/exhaustion.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/leases.h"
#include "collectors/openers.h"
#include "collectors/owner_labels.h"
#include "collectors/tables/tally_top.h"

/* Of failures that nobody has read yet: some 2,000. */
#define EVENTS_BYTES (1ul << 18)

static const struct metric_family connect_errors = {
    .name = "ephemera_port_exhaustion_errors_total",
    .help = "TCP connect() calls that failed with EADDRNOTAVAIL because no port was left towards "
	    "their destination. The kernel reports each one; counted since the exporter started.",
    .type = METRIC_COUNTER,
    .labels = {"family"},
    .example = "sum by (instance) (increase(ephemera_port_exhaustion_errors_total[5m])) > 0",
};
static const struct metric_family bind_errors = {
    .name = "ephemera_bind_port_exhaustion_errors_total",
    .help = "Calls that asked for any port and found none free on their local address: TCP bind() "
	    "to port 0 and listen(); UDP bind() to port 0, connect() and sendto(). Only if "
	    "ephemera_kernel_feature{feature=\"bind_port_exhaustion\"} is 1.",
    .type = METRIC_COUNTER,
    .labels = {"protocol", "family"},
    .example = "sum by (instance, protocol) "
	       "(increase(ephemera_bind_port_exhaustion_errors_total[5m])) > 0",
};
static const struct metric_family missed_events = {
    .name = "ephemera_port_exhaustion_missed_events_total",
    .help =
	"Events that the BPF programs missed because their processor was handling another one, in "
	"all network namespaces. Few are failures: a tcp_state may be the end of a lease, a "
	"tcp_bind or udp_bind a bind() that found no port or was refused one.",
    .type = METRIC_COUNTER,
    .labels = {"event"},
    .example = "rate(ephemera_port_exhaustion_missed_events_total[5m]) > 0",
};
static const struct metric_family *const families[] = {
    &connect_errors,
    &exhausted_destinations,
    &other_exhausted_destinations,
    &exhausted_owners,
    &other_exhausted_owners,
    &bind_errors,
    &bind_conflicts,
    &other_bind_conflicts,
    &port_lease,
    &port_reuse_interval,
    &untracked_port_leases,
    &opener_opens,
    &opener_leases,
    &opener_lease_seconds,
    &other_opener_opens,
    &other_opener_leases,
    &other_opener_lease_seconds,
    &missed_events,
    NULL,
};

struct exhaustion {
	struct exhaustion_probe probe;
	int error; /* of loading: 0, or -errno */
	const char *reason;
	const unsigned long *values; /* of the flags */
	struct cgroups *cgroups;
	struct pods *pods;
	struct tally_top *destinations;
	struct tally_top *owners;
	struct opener_series *openers; /* NULL: they are not counted */
	struct tally_top *conflicts;
};

static void release(void *context)
{
	struct exhaustion *state = context;

	tally_top_free(state->destinations);
	tally_top_free(state->owners);
	opener_series_free(state->openers);
	tally_top_free(state->conflicts);
	exhaustion_probe_close(&state->probe);
}

static int open_probe(struct exhaustion *state, const struct collector_config *config)
{
	const size_t openers = config->values[EXHAUSTION_OPENERS_LIMIT];
	const struct exhaustion_probe_options options = {
	    .leases = config->values[EXHAUSTION_LEASES_LIMIT],
	    .events_bytes = config->failure_events ? EVENTS_BYTES : 0,
	    .openers = openers != 0,
	    .starts = config->lease_starts,
	    .elsewhere = config->all_namespaces,
	};

	/* If it does not load, only this collector fails. */
	state->error = exhaustion_probe_open(&options, &state->probe, &state->reason);
	if (state->error < 0)
		return 0;
	state->destinations = tally_top_new(state->probe.destinations, TALLY_DESTINATIONS,
	    config->values[EXHAUSTION_DESTINATIONS_LIMIT]);
	state->owners = tally_top_new(
	    state->probe.owners, TALLY_OWNERS, config->values[EXHAUSTION_OWNERS_LIMIT]);
	state->conflicts = tally_top_new(
	    state->probe.conflicts, TALLY_CONFLICTS, config->values[EXHAUSTION_CONFLICTS_LIMIT]);
	if (!state->destinations || !state->owners || !state->conflicts)
		return -ENOMEM;
	if (openers)
		state->openers =
		    opener_series_new(&state->probe, config->cgroups, config->pods, openers);
	return !openers || state->openers ? 0 : -ENOMEM;
}

static int init(void *context, const struct collector_config *config)
{
	struct exhaustion *state = context;

	state->values = config->values;
	state->cgroups = config->cgroups;
	state->pods = config->pods;
	return open_probe(state, config);
}

static int begin(void *context)
{
	return ((const struct exhaustion *)context)->error;
}

static void emit_totals(const struct exhaustion *state,
    const __u64 failures[EXHAUSTED_CALLS][EXHAUSTED_FAMILIES], struct metric_set *set)
{
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		const char *name = socket_family_name(family);

		metric_add(set, &connect_errors,
		    (double)exhaustion_read(&failures[EXHAUSTED_CONNECT][family]),
		    METRIC_LABELS(name));
		if (!state->probe.counts_binds)
			continue;
		metric_add(set, &bind_errors,
		    (double)exhaustion_read(&failures[EXHAUSTED_BIND_TCP][family]),
		    METRIC_LABELS(socket_protocol_name(SOCKET_TCP), name));
		metric_add(set, &bind_errors,
		    (double)exhaustion_read(&failures[EXHAUSTED_BIND_UDP][family]),
		    METRIC_LABELS(socket_protocol_name(SOCKET_UDP), name));
	}
}

static void emit_totals_elsewhere(
    const struct exhaustion *state, const struct elsewhere *totals, struct metric_set *set)
{
	emit_totals(state, totals->failures, set);
	if (!state->openers)
		return;
	/* No pair of a destination and a cgroup is shown there, so all are others. */
	metric_add(set, &other_opener_opens, (double)totals->counts.opens, METRIC_NO_LABELS);
	if (state->probe.histograms_length == 0)
		return;
	metric_add(set, &other_opener_leases, (double)totals->counts.leases, METRIC_NO_LABELS);
	metric_add(set, &other_opener_lease_seconds, (double)totals->counts.held_ns * 1e-9,
	    METRIC_NO_LABELS);
}

static int emit_elsewhere(const void *context, uint32_t id, void **kept, struct metric_set *set)
{
	const struct exhaustion *state = context;
	struct elsewhere totals;
	int result;

	if (!*kept)
		*kept = exhausted_elsewhere_new(id, state->values[EXHAUSTION_DESTINATIONS_LIMIT],
		    state->values[EXHAUSTION_OWNERS_LIMIT]);
	if (!*kept)
		return -ENOMEM;
	result = exhausted_elsewhere_look(*kept, &state->probe, &totals);
	if (result <= 0)
		return result;
	emit_totals_elsewhere(state, &totals, set);
	return exhausted_elsewhere_emit(*kept, state->cgroups, state->pods, set);
}

static void release_elsewhere(void *kept)
{
	exhausted_elsewhere_free(kept);
}

/* Nothing of those that the kernel does not tell of. */
static void emit_missed(const struct exhaustion *state, struct metric_set *set)
{
	static const char *const events[EXHAUSTED_CALLS] = {
	    [EXHAUSTED_CONNECT] = "tcp_state",
	    [EXHAUSTED_BIND_TCP] = "tcp_bind",
	    [EXHAUSTED_BIND_UDP] = "udp_bind",
	};
	uint64_t misses;

	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++)
		if (exhaustion_probe_misses(&state->probe, call, &misses) == 0)
			metric_add(
			    set, &missed_events, (double)misses, METRIC_LABELS(events[call]));
}

static int emit(void *context, struct metric_set *set)
{
	struct exhaustion *state = context;
	const struct exhaustion_shared *shared = state->probe.shared;

	emit_totals(state, shared->failures, set);
	exhausted_destinations_emit(
	    state->destinations, exhaustion_read(&shared->untracked_destinations), set);
	if (state->probe.counts_binds)
		bind_conflicts_emit(
		    state->conflicts, exhaustion_read(&shared->untracked_conflicts), set);
	leases_emit(state->probe.histograms, state->probe.histograms_length, set);
	emit_missed(state, set);

	const int result = state->openers ? opener_series_emit(state->openers, set) : 0;

	return result < 0 ? result
			  : exhausted_owners_emit(state->owners, state->cgroups, state->pods,
				exhaustion_read(&shared->untracked_owners), set);
}

static int check(const void *context, const char **ret_reason)
{
	const struct exhaustion *state = context;

	if (state->error < 0)
		*ret_reason = state->reason;
	return state->error;
}

static unsigned features(const void *context)
{
	const struct exhaustion *state = context;

	return FEATURE_PORT_EXHAUSTION |
	       (state->probe.counts_binds ? FEATURE_BIND_PORT_EXHAUSTION | FEATURE_BIND_CONFLICTS
					  : 0u);
}

const struct lease_starts *exhaustion_starts(const void *state)
{
	return &((const struct exhaustion *)state)->probe.starts;
}

struct exhaustion_probe *exhaustion_probe_of(void *context)
{
	struct exhaustion *state = context;

	return state->error < 0 ? NULL : &state->probe;
}

static const struct collector_flag flags[] = {
    [EXHAUSTION_DESTINATIONS_LIMIT] = {"destinations-limit",
	"how many destinations with the most failures are shown", 20, 0, TALLY_DESTINATIONS},
    [EXHAUSTION_OWNERS_LIMIT] = {"owners-limit",
	"how many cgroups with the most failures are shown", 20, 0, TALLY_OWNERS},
    [EXHAUSTION_LEASES_LIMIT] = {"leases-limit",
	"how many leases are timed at the same time; 0: none", 65536, 0, EXHAUSTION_LEASES_MAX},
    [EXHAUSTION_OPENERS_LIMIT] = {"openers-limit",
	"how many pairs of a destination and a cgroup that open the most connections are shown; 0: "
	"none are counted",
	20, 0, 1000},
    [EXHAUSTION_CONFLICTS_LIMIT] = {"bind-conflicts-limit",
	"how many ports with the most bind conflicts are shown", 20, 0, TALLY_CONFLICTS},
    {.name = NULL},
};

const struct collector exhaustion_collector = {
    .name = "exhaustion",
    .help = "calls that found no port or were refused one, counted in the kernel, and how long "
	    "ports are held; needs CAP_BPF and CAP_PERFMON at the start",
    .cost =
	"No walk: it reads memory that the kernel writes. Each change of state of a TCP socket on "
	"the machine, in other namespaces too, calls a BPF program; docs/exhaustion.md has the "
	"cost. In the kernel it uses 1.2 MiB for 4,096 destinations, 4,096 refused ports, 1,024 "
	"cgroups, 4,096 pairs of a destination and a cgroup and the times of all ports, and 32 to "
	"64 bytes for each of --collector.exhaustion.leases-limit; with --web.enable-api another "
	"256 KiB. With it, binds uses another BPF "
	"program, not sock_diag, to find which ports were bound and then connected.",
    .on_by_default = false,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct exhaustion),
    .init = init,
    .begin = begin,
    .emit = emit,
    .emit_elsewhere = emit_elsewhere,
    .release_elsewhere = release_elsewhere,
    .check = check,
    .features = features,
    .release = release,
};
