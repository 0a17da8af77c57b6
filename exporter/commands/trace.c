// SPDX-License-Identifier: Apache-2.0
/*
 * `ephemera trace`: each call that finds no port or is refused one, as it happens, until Ctrl-C
 * sums up.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/exhausted_owners.h"
#include "collectors/kernel/clock.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/trace_leases.h"
#include "exporter/commands/trace_namespaces.h"
#include "exporter/commands/trace_ports.h"
#include "exporter/commands/trace_print.h"
#include "exporter/commands/trace_signals.h"

extern const struct command trace_command;

/* Of failures that are not printed yet: some 8,000. */
#define EVENTS_BYTES (1ul << 20)
#define WAIT_MS 200

struct trace {
	struct options *options;
	struct exhaustion_probe probe;
	struct exhaustion_events *events;
	struct trace_ports *ports;     /* NULL where several namespaces are followed */
	struct holder_finder *holders; /* of ports that were refused */
	struct cgroups *cgroups;
	struct trace_namespaces *namespaces; /* NULL: only one is followed */
	unsigned long shown;
	bool stopped;
	struct timespec started;
};

/* Looked up only in the namespace that this process is in. */
static bool is_elsewhere(const struct traced *traced)
{
	return traced->namespace && !(traced->namespace->flags & WALK_READER);
}

static struct holder find_holder(struct trace *trace, const struct exhausted_event *event)
{
	struct socket asked = {
	    .protocol = event->call == EXHAUSTED_BIND_UDP ? SOCKET_UDP : SOCKET_TCP,
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .local_port = event->refused_port,
	    .interface = event->interface,
	    .ipv6_only = event->refused & REFUSED_IPV6_ONLY,
	};

	memcpy(&asked.local, event->local, sizeof(asked.local));
	return holder_finder_find(trace->holders, &asked, event->time_ns);
}

/* The event has the time of a clock that no one sets. */
static struct timespec time_of(const struct exhausted_event *event)
{
	const struct timespec monotonic = clock_now();
	const int64_t age =
	    (int64_t)monotonic.tv_sec * 1000000000 + monotonic.tv_nsec - (int64_t)event->time_ns;
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);

	const int64_t then = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec - age;

	return (struct timespec){then / 1000000000, then % 1000000000};
}

/* Or failures that come faster than they are printed would keep it from its end. */
static void stop_where_ended(struct trace *trace)
{
	if (!trace_signals() || trace->stopped)
		return;
	exhaustion_probe_stop(&trace->probe);
	trace->stopped = true;
}

/* Adds what is known of the namespace, if several are followed. Returns 0 or -ENOMEM. */
static int find_namespace(
    struct trace *trace, struct traced *traced, struct exhausted_event *nameless)
{
	if (!trace->namespaces) {
		trace_ports_find(trace->ports, traced);
		return 0;
	}
	traced->namespace = trace_namespaces_count(trace->namespaces, traced->event);
	if (!traced->namespace)
		return -ENOMEM;
	trace_ports_find_fullest(traced);
	if (!is_elsewhere(traced))
		return 0;
	/* Interfaces have other names there. */
	*nameless = *traced->event;
	nameless->interface = 0;
	traced->event = nameless;
	return 0;
}

static int print_event(void *context, const struct exhausted_event *event)
{
	struct trace *trace = context;
	struct traced traced = {.event = event, .time = time_of(event)};
	struct exhausted_event nameless;
	struct holder holder = {.search = HOLDER_ELSEWHERE};
	int result;

	stop_where_ended(trace);
	if (trace_signals() > 1)
		return -ECANCELED;
	trace->shown++;

	if (event->cgroup_id) {
		const uint64_t id = event->cgroup_id;

		result = cgroups_resolve(trace->cgroups, &id, 1, &traced.cgroup);
		if (result < 0)
			return result;
	}
	result = find_namespace(trace, &traced, &nameless);
	if (result < 0)
		return result;
	if (event->refused_port) {
		if (!is_elsewhere(&traced))
			holder = find_holder(trace, event);
		traced.holder = &holder;
	}
	return trace->options->json ? trace_print_json(&traced) : trace_print_text(&traced);
}

static unsigned long count_calls(const struct exhaustion_shared *shared)
{
	unsigned long calls = 0;

	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++)
		for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
			calls += shared->failures[call][family];
	return calls;
}

static void sum_conflicts(
    const struct trace *trace, struct tally_top *conflicts, struct traced_sum *sum)
{
	uint64_t others = 0;

	sum->ports_length = tally_top_look(conflicts, &sum->ports, &others);
	sum->other_ports = others + trace->probe.shared->untracked_conflicts;
	sum->conflicts = sum->other_ports;
	for (size_t i = 0; i < sum->ports_length; i++)
		sum->conflicts += sum->ports[i].count;
}

static void sum_namespaces(const struct trace *trace, size_t limit, struct traced_sum *sum)
{
	sum->has_namespaces = trace->namespaces != NULL;
	if (!sum->has_namespaces)
		return;
	sum->namespaces = trace_namespaces_list(
	    trace->namespaces, limit, &sum->namespaces_length, &sum->other_namespaces);
	sum->other_namespaces += sum->lost;
}

static int print_sum(struct trace *trace)
{
	const struct exhaustion_shared *shared = trace->probe.shared;
	const size_t limit = trace->options->limit;
	struct traced_sum sum = {
	    .seconds = clock_seconds_since(&trace->started),
	    .calls = count_calls(shared),
	};

	struct tally_top *destinations =
	    tally_top_new(trace->probe.destinations, TALLY_DESTINATIONS, limit);
	struct tally_top *owners = tally_top_new(trace->probe.owners, TALLY_OWNERS, limit);
	struct tally_top *conflicts = tally_top_new(trace->probe.conflicts, TALLY_CONFLICTS, limit);
	struct owner_name *names = NULL;
	uint64_t others = 0;
	int result = destinations && owners && conflicts ? 0 : -ENOMEM;

	if (result == 0) {
		sum.destinations_length = tally_top_look(destinations, &sum.destinations, &others);
		sum.other_destinations = others + shared->untracked_destinations;
		sum_conflicts(trace, conflicts, &sum);
		sum.lost = sum.calls + sum.conflicts - trace->shown;
		sum_namespaces(trace, limit, &sum);
		result = exhausted_owners_list(
		    owners, trace->cgroups, &names, &sum.owners_length, &others);
	}
	if (result == 0) {
		sum.owners = names;
		sum.other_owners = others + shared->untracked_owners;
		result =
		    trace->options->json ? trace_print_sum_json(&sum) : trace_print_sum_text(&sum);
	}
	owner_names_free(names, sum.owners_length);
	tally_top_free(destinations);
	tally_top_free(owners);
	tally_top_free(conflicts);
	return result;
}

static int print_start(const struct trace *trace)
{
	if (trace->options->json)
		return 0;
	puts("Each call that finds no port or is refused one is shown as it happens; Ctrl-C sums "
	     "up.");
	if (trace->namespaces)
		puts("Calls in every network namespace of the host are shown.");
	if (!trace->probe.counts_binds)
		puts("This kernel shows only connect(), not bind().");
	putchar('\n');
	return terminal_flush();
}

static int run(struct trace *trace)
{
	int result = print_start(trace);

	while (!trace_signals() && result >= 0) {
		cgroups_forget_old(trace->cgroups);
		result = exhaustion_events_wait(trace->events, WAIT_MS);
		if (result == -EINTR)
			result = 0;
	}
	stop_where_ended(trace);
	/* What came before the signal. */
	if (result >= 0)
		result = exhaustion_events_wait(trace->events, 0);
	return result < 0 && result != -ECANCELED ? result : print_sum(trace);
}

/*
 * Without the kernel's tables some ports in use are missing from what is printed beside a failure,
 * and the names of other namespaces.
 */
static int open_tables(struct trace *trace, bool all, const char **ret_reason)
{
	int result;

	if (all) {
		result = kernel_tables_open_all(trace->options, ret_reason);
		if (result < 0)
			return result;
		trace->namespaces = trace_namespaces_new(trace->options);
		return trace->namespaces ? 0 : -ENOMEM;
	}
	result = kernel_tables_open(trace->options, KERNEL_TABLES_PEOPLE);
	if (result < 0)
		return result;
	trace->ports = trace_ports_new(trace->options);
	return trace->ports ? 0 : -ENOMEM;
}

static int open_trace(struct trace *trace, const char **ret_reason)
{
	const bool all = namespace_is_all(trace->options);
	const struct exhaustion_probe_options wanted = {
	    .events_bytes = EVENTS_BYTES,
	    .everywhere = all,
	};
	int result = exhaustion_probe_open(&wanted, &trace->probe, ret_reason);

	if (result == -EPERM)
		*ret_reason = kernel_tables_refused("loading BPF programs needs");
	if (result < 0)
		return result;
	trace->started = clock_now();
	result = open_tables(trace, all, ret_reason);
	if (result < 0)
		return result;
	trace->holders =
	    holder_finder_new(&trace->options->source, trace->options->sysfs, trace->options->json);
	trace->cgroups = cgroups_new(trace->options->sysfs);
	if (!trace->holders || !trace->cgroups)
		return -ENOMEM;
	return exhaustion_events_open(&trace->probe, print_event, trace, &trace->events);
}

static int run_trace(struct options *options)
{
	struct trace trace = {.options = options};
	const char *reason = NULL;
	char error[NAMESPACE_ERROR_SIZE];
	int result = namespace_is_all(options) ? 0 : namespace_enter(options, error);

	if (result < 0)
		return command_end(&trace_command, result, error);
	if (options->trace_leases)
		return trace_leases(options);

	trace_catch_signals();

	result = open_trace(&trace, &reason);
	if (result == 0)
		result = run(&trace);
	exhaustion_events_close(trace.events);
	trace_ports_free(trace.ports);
	holder_finder_free(trace.holders);
	kernel_tables_close(options);
	cgroups_free(trace.cgroups);
	trace_namespaces_free(trace.namespaces);
	exhaustion_probe_close(&trace.probe);
	return command_end(&trace_command, result, reason);
}

static int check_trace(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (namespace_is_all(options) && options->trace_leases)
		return option_fail(error, "--namespace=all and --leases cannot be combined");
	return namespace_check(options, error);
}

static const struct command_example examples[] = {
    {"See each call that finds no port", "ephemera trace"},
    {"See those of every network namespace", "ephemera trace --namespace=all"},
    {"See who has which port, and for how long", "ephemera trace --leases"},
    {NULL, NULL},
};

const struct command trace_command = {
    .name = "trace",
    .help = "print each call that finds no port or is refused one, as it happens, or each lease of "
	    "a port as it ends; needs CAP_BPF and CAP_PERFMON",
    .examples = examples,
    .takes_flags = true,
    .check = check_trace,
    .run = run_trace,
};
