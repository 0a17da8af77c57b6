// SPDX-License-Identifier: Apache-2.0
/*
 * `ephemera trace`: each call that finds no port or is refused one, as it happens, until Ctrl-C
 * sums up.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/binds.h"
#include "collectors/exhausted_owners.h"
#include "collectors/gather.h"
#include "collectors/kernel/clock.h"
#include "collectors/views/destination_rows.h"
#include "exporter/base/terminal.h"
#include "exporter/base/time_share.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/trace_leases.h"
#include "exporter/commands/trace_print.h"
#include "exporter/commands/trace_signals.h"

extern const struct command trace_command;

/* Of failures that are not printed yet: some 8,000. */
#define EVENTS_BYTES (1ul << 20)
#define WAIT_MS 200
/* A look at all sockets is made once a second at the most, and in a tenth of the time. */
#define LOOK_SECONDS 1.0
#define LOOK_SHARE 0.1
#define LOOK_BURST_SECONDS 0.5
#define ROWS_MAX 1000ul

struct trace {
	struct options *options;
	struct exhaustion_probe probe;
	struct exhaustion_events *events;
	struct gatherer *finder; /* of the destinations' ports; NULL where they cannot be read */
	struct timespec looked;
	struct time_share look_time;
	struct holder_finder *holders; /* of ports that were refused */
	struct cgroups *cgroups;
	unsigned long shown;
	bool stopped;
	struct timespec started;
};

static void open_finder(struct trace *trace)
{
	static const struct collector *const finders[] = {&destination_finder};
	static const unsigned long values[1][COLLECTOR_FLAGS_MAX] = {{ROWS_MAX}};
	const struct options *options = trace->options;
	const struct gatherer_options wanted = {
	    .collectors = finders,
	    .length = 1,
	    .enabled = 1,
	    .values = values,
	    .procfs = options->procfs,
	    .sysfs = options->sysfs,
	    .bind_buckets = options->source.buckets,
	};

	if (gatherer_open(&wanted, &options->source, &trace->finder) < 0)
		trace->finder = NULL;
}

static void look(struct trace *trace)
{
	struct gathering gathering;

	trace->looked = clock_now();
	if (gather(trace->finder, 1, NULL, NULL, NULL, &gathering) == 0)
		time_share_spend(&trace->look_time, gathering.seconds);
}

static bool is_due(struct trace *trace)
{
	if (trace->looked.tv_sec && clock_seconds_since(&trace->looked) < LOOK_SECONDS)
		return false;
	return time_share_allows(&trace->look_time, LOOK_SHARE, LOOK_BURST_SECONDS);
}

/* Where its own interface has no socket there yet, those of no interface are what it met. */
static bool is_of(const struct destination *destination, const struct exhausted_event *event)
{
	struct destination met = {
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .port = event->remote_port,
	};

	memcpy(&met.source, event->local, sizeof(met.source));
	memcpy(&met.address, event->remote, sizeof(met.address));
	if (destination->interface)
		met.interface = event->interface;
	return destination_same(destination, &met);
}

static void find_ports(struct trace *trace, struct traced *traced)
{
	const struct destination_rows *rows;

	if (!trace->finder || traced->event->call != EXHAUSTED_CONNECT)
		return;
	if (is_due(trace))
		look(trace);
	rows = destination_rows_found(gatherer_state(trace->finder, 0));
	if (!rows)
		return;
	traced->usable_ports = rows->capacity;
	/* Where bind() has all ports, no destination has any. */
	traced->has_ports = rows->capacity == 0;
	for (size_t i = 0; i < rows->length; i++) {
		if (!is_of(&rows->list[i].destination, traced->event))
			continue;

		const unsigned ports = destination_used(&rows->list[i].destination);

		if (ports > traced->ports)
			traced->ports = ports;
		traced->has_ports = true;
	}
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

static int print_event(void *context, const struct exhausted_event *event)
{
	struct trace *trace = context;
	struct traced traced = {.event = event, .time = time_of(event)};
	struct holder holder;

	stop_where_ended(trace);
	if (trace_signals() > 1)
		return -ECANCELED;
	trace->shown++;

	if (event->cgroup_id) {
		const uint64_t id = event->cgroup_id;
		const int result = cgroups_resolve(trace->cgroups, &id, 1, &traced.cgroup);

		if (result < 0)
			return result;
	}
	find_ports(trace, &traced);
	if (event->refused_port) {
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

static int open_trace(struct trace *trace, const char **ret_reason)
{
	const struct exhaustion_probe_options wanted = {.events_bytes = EVENTS_BYTES};
	int result = exhaustion_probe_open(&wanted, &trace->probe, ret_reason);

	if (result < 0)
		return result;
	trace->started = clock_now();
	/* Without them some ports in use are missing from what is printed beside a failure. */
	result = kernel_tables_open(trace->options, KERNEL_TABLES_PEOPLE);
	if (result < 0)
		return result;
	open_finder(trace);
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
	int result = namespace_enter(options, error);

	if (result < 0)
		return command_end(&trace_command, result, error);
	if (options->trace_leases)
		return trace_leases(options);

	trace_catch_signals();

	result = open_trace(&trace, &reason);
	if (result == 0)
		result = run(&trace);
	exhaustion_events_close(trace.events);
	gatherer_free(trace.finder);
	holder_finder_free(trace.holders);
	kernel_tables_close(options);
	cgroups_free(trace.cgroups);
	exhaustion_probe_close(&trace.probe);
	return command_end(&trace_command, result, reason);
}

const struct command trace_command = {
    .name = "trace",
    .help = "print each call that finds no port or is refused one, as it happens, or each lease of "
	    "a port as it ends; needs CAP_BPF and CAP_PERFMON",
    .takes_flags = true,
    .check = namespace_check_one,
    .run = run_trace,
};
