// SPDX-License-Identifier: Apache-2.0
/*
 * `ephemera trace`: each call that finds no port or is refused one, as it happens, until Ctrl-C
 * sums up.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/trace_fold.h"
#include "exporter/commands/trace_leases.h"
#include "exporter/commands/trace_lost.h"
#include "exporter/commands/trace_namespaces.h"
#include "exporter/commands/trace_ports.h"
#include "exporter/commands/trace_print.h"
#include "exporter/commands/trace_signals.h"
#include "exporter/commands/trace_start.h"
#include "exporter/commands/trace_sum.h"
#include "exporter/commands/trace_time.h"

extern const struct command trace_command;

/* Of failures that are not printed yet: some 8,000. */
#define EVENTS_BYTES (1ul << 20)
#define WAIT_MS 200

struct trace {
	struct options *options;
	struct exhaustion_probe probe;
	struct exhaustion_events *events;
	struct trace_lost *lost;       /* NULL: lost packets are not followed */
	const char *no_packets;	       /* then: why, or NULL if they are not asked for */
	struct trace_ports *ports;     /* NULL where several namespaces are followed */
	struct holder_finder *holders; /* of ports that were refused */
	struct cgroups *cgroups;
	struct trace_namespaces *namespaces; /* NULL: only one is followed */
	struct owner_filter *owners;	     /* NULL: all are asked for */
	struct trace_tally *tally; /* NULL: the kernel's own counts are those of what is asked */
	struct trace_folds *folds; /* NULL: each call is printed by itself */
	unsigned long shown;	   /* printed, or counted in a line */
	unsigned long others;	   /* not asked for */
	bool stopped;
	struct timespec started;
};

/* Looked up only in the namespace that this process is in. */
static bool is_elsewhere(const struct traced *traced)
{
	return traced->namespace && !(traced->namespace->flags & WALK_READER);
}

/* Or failures that come faster than they are printed would keep it from its end. */
static void stop_where_ended(struct trace *trace)
{
	if (!trace_signals() || trace->stopped)
		return;
	exhaustion_probe_stop(&trace->probe);
	trace->stopped = true;
}

/* Interfaces have other names elsewhere. */
static void forget_interface(struct traced *traced, struct exhausted_event *nameless)
{
	if (!is_elsewhere(traced))
		return;
	*nameless = *traced->event;
	nameless->interface = 0;
	traced->event = nameless;
}

static int find_cgroup(struct trace *trace, struct traced *traced)
{
	const uint64_t id = traced->event->cgroup_id;

	return id ? cgroups_resolve(trace->cgroups, &id, 1, &traced->cgroup) : 0;
}

static bool is_asked_for(const struct trace *trace, const struct traced *traced)
{
	const struct exhausted_event *event = traced->event;
	const struct filter_subject subject = {
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .remote = event->remote,
	    .remote_port = event->remote_port,
	    .comm = event->comm,
	    .pid = (int)event->pid,
	    .cgroup = traced->cgroup,
	};

	return !trace->tally || filter_has(trace->options, trace->owners, &subject);
}

/* Counts the call, whether it is printed by itself or not. Returns 0 or -ENOMEM. */
static int count(struct trace *trace, struct traced *traced)
{
	trace->shown++;
	if (trace->tally)
		trace_tally_add(trace->tally, traced->event);
	if (!trace->namespaces)
		return 0;
	traced->namespace = trace_namespaces_count(trace->namespaces, traced->event);
	return traced->namespace ? 0 : -ENOMEM;
}

static int print_fold(void *context, const struct trace_fold *fold)
{
	struct trace *trace = context;
	const uint64_t ns = trace_now_ns() - fold->from_ns;
	struct traced traced = {.event = &fold->event};
	struct exhausted_event nameless;
	int result;

	if (fold->is_packet)
		return trace_lost_print_count(fold, (double)ns / 1e9, trace->namespaces);
	result = find_cgroup(trace, &traced);
	clock_gettime(CLOCK_REALTIME, &traced.time);
	if (result < 0)
		return result;
	if (trace->namespaces)
		traced.namespace =
		    trace_namespaces_find(trace->namespaces, fold->event.namespace_id);
	forget_interface(&traced, &nameless);
	return trace_print_fold(&traced, fold, (double)ns / 1e9);
}

/* Returns 1: it is like one before, and was counted; 0; or -errno. */
static int fold(struct trace *trace, const struct exhausted_event *event)
{
	int result;

	if (!trace->folds)
		return 0;
	result = trace_folds_add(trace->folds, event, print_fold, trace);
	/* Calls may come so fast that there is no pause. */
	if (result >= 0) {
		const int printed =
		    trace_folds_print(trace->folds, event->time_ns, print_fold, trace);

		result = printed < 0 ? printed : result;
	}
	return result;
}

/* Prints a call by itself, with what can be found out about it. */
static int print_whole(struct trace *trace, struct traced traced)
{
	struct holder holder = {.search = HOLDER_ELSEWHERE};
	struct exhausted_event nameless;

	if (trace->namespaces)
		trace_ports_find_fullest(&traced);
	else
		trace_ports_find(trace->ports, &traced);
	forget_interface(&traced, &nameless);
	if (traced.event->refused_port) {
		if (!is_elsewhere(&traced))
			holder = holder_finder_find_for(trace->holders, traced.event);
		traced.holder = &holder;
	}
	return trace->options->json ? trace_print_json(&traced) : trace_print_text(&traced);
}

static int print_event(void *context, const struct exhausted_event *event)
{
	struct trace *trace = context;
	struct traced traced = {.event = event, .time = trace_time_of(event->time_ns)};
	int result;

	stop_where_ended(trace);
	if (trace_signals() > 1)
		return -ECANCELED;
	result = find_cgroup(trace, &traced);
	if (result < 0)
		return result;
	if (!is_asked_for(trace, &traced)) {
		trace->others++;
		return 0;
	}
	result = count(trace, &traced);
	if (result == 0)
		result = fold(trace, event);
	if (result != 0)
		return result < 0 ? result : 0;
	return print_whole(trace, traced);
}

static int print_sum(struct trace *trace)
{
	const struct trace_counted counted = {
	    .options = trace->options,
	    .probe = &trace->probe,
	    .tally = trace->tally,
	    .cgroups = trace->cgroups,
	    .lost = trace->lost,
	    .namespaces = trace->namespaces,
	    .shown = trace->shown,
	    .others = trace->others,
	    .seconds = clock_seconds_since(&trace->started),
	};

	return trace_sum_print(&counted);
}

static int print_start(const struct trace *trace)
{
	const struct trace_start start = {
	    .everywhere = trace->namespaces != NULL,
	    .has_no_binds = !trace->probe.counts_binds,
	    .folds = trace->folds != NULL,
	    .is_part = trace->tally != NULL,
	    .no_packets = trace->no_packets,
	};

	return trace->options->json ? 0 : trace_start_print(&start);
}

static int print_folds(struct trace *trace, uint64_t now)
{
	return trace->folds ? trace_folds_print(trace->folds, now, print_fold, trace) : 0;
}

static int print_last_folds(struct trace *trace)
{
	/* Behind the ^C of the terminal. */
	if (trace->folds && trace_folds_has(trace->folds))
		putchar('\n');
	return print_folds(trace, UINT64_MAX);
}

/* What has come since. Waits up to timeout_ms for calls to fail, not for packets. */
static int read_events(struct trace *trace, int timeout_ms)
{
	const struct trace_lost_sink sink = {
	    .folds = trace->folds,
	    .print_fold = print_fold,
	    .context = trace,
	    .namespaces = trace->namespaces,
	};
	const int result = exhaustion_events_wait(trace->events, timeout_ms);

	/* A signal ends the wait. */
	return result < 0 && result != -EINTR ? result : trace_lost_read(trace->lost, &sink);
}

static int run(struct trace *trace)
{
	int result = print_start(trace);

	while (!trace_signals() && result >= 0) {
		cgroups_forget_old(trace->cgroups);
		result = trace->owners ? owner_filter_begin(trace->owners, false) : 0;
		if (result == 0)
			result = read_events(trace, WAIT_MS);
		if (result >= 0)
			result = print_folds(trace, trace_now_ns());
	}
	stop_where_ended(trace);
	/* What came before the signal. */
	if (result >= 0)
		result = read_events(trace, 0);
	if (result >= 0 || result == -ECANCELED)
		result = print_last_folds(trace);
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

/* What decides which calls are printed. On a terminal, calls that are alike would hide the rest. */
static int open_choice(struct trace *trace)
{
	const struct options *options = trace->options;

	if (!options->json && isatty(STDOUT_FILENO)) {
		trace->folds = calloc(1, sizeof(*trace->folds));
		if (!trace->folds)
			return -ENOMEM;
	}
	if (!filter_is_asked(options))
		return 0;
	trace->tally = calloc(1, sizeof(*trace->tally));
	return trace->tally ? filter_open_owners(options, &trace->owners) : -ENOMEM;
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
	result = trace_lost_open(trace->options, &trace->lost, &trace->no_packets);
	if (result == 0)
		result = open_tables(trace, all, ret_reason);
	if (result == 0)
		result = open_choice(trace);
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
	trace_lost_close(trace.lost);
	trace_ports_free(trace.ports);
	holder_finder_free(trace.holders);
	kernel_tables_close(options);
	cgroups_free(trace.cgroups);
	trace_namespaces_free(trace.namespaces);
	owner_filter_free(trace.owners);
	free(trace.tally);
	free(trace.folds);
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
    .help = "print each call that finds no port or is refused one, and each packet that source NAT "
	    "finds none for, as it happens, or each lease of a port as it ends; needs CAP_BPF and "
	    "CAP_PERFMON",
    .examples = examples,
    .takes_flags = true,
    .check = check_trace,
    .run = run_trace,
};
