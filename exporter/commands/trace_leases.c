// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_leases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/exhaustion.h"
#include "collectors/kernel/cgroup_names.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/lease_probe.h"
#include "exporter/answers/lease.h"
#include "exporter/base/moment.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/trace_leases_print.h"
#include "exporter/commands/trace_signals.h"

extern const struct command trace_command;

/* How late a lease may be printed: the kernel wakes us for few of them. */
#define WAIT_MS 100
/* Losses are told once a second at the most, and looked for after so many leases at the latest. */
#define LOSSES_SECONDS 1.0
#define LOSSES_LEASES 4096
#define OUTPUT_BYTES 65536

struct trace {
	const struct options *options;
	struct lease_probe *probe;
	struct cgroup_names *names;
	struct json_writer *json;    /* NULL: in words */
	int64_t clock;		     /* what is added to CLOCK_MONOTONIC to make it a moment */
	struct owner_filter *owners; /* NULL: all are asked for */
	uint64_t printed;
	uint64_t others; /* leases that were not asked for */
	struct lease_probe_losses told;
	struct timespec looked; /* for losses */
	bool stopped;
	struct timespec started;
};

/* The kernel's clock is never set; the one of people may be, so it is compared again each time. */
static void set_clock(struct trace *trace)
{
	const struct timespec monotonic = clock_now();

	trace->clock =
	    moment_now() - ((int64_t)monotonic.tv_sec * MOMENT_SECOND + monotonic.tv_nsec);
}

/* Or leases that come faster than they are printed would keep it from its end. */
static void stop_where_ended(struct trace *trace)
{
	if (!trace_signals() || trace->stopped)
		return;
	lease_probe_stop(trace->probe);
	trace->stopped = true;
}

/* Tells what was lost since it was told last. */
static int tell_losses(struct trace *trace)
{
	struct lease_probe_losses losses = trace->told;
	struct lease_probe_losses more;

	trace->looked = clock_now();
	lease_probe_losses(trace->probe, &losses);
	more = losses;
	more.lost -= trace->told.lost;
	more.untracked -= trace->told.untracked;
	more.missed -= trace->told.missed;
	trace->told = losses;
	if (!more.lost && !more.untracked && !more.missed)
		return 0;
	return trace_leases_print_losses(&more, trace->json);
}

static int tell_losses_if_due(struct trace *trace)
{
	return clock_seconds_since(&trace->looked) < LOSSES_SECONDS ? 0 : tell_losses(trace);
}

static int resolve(struct trace *trace, uint64_t cgroup_id, const struct cgroup_name **ret_name)
{
	*ret_name = cgroup_id ? cgroup_names_find(trace->names, cgroup_id) : NULL;
	return cgroup_id && !*ret_name ? -ENOMEM : 0;
}

static int on_cgroup(void *context, uint64_t cgroup_id)
{
	const struct cgroup_name *unused;

	return resolve(context, cgroup_id, &unused);
}

static bool is_asked_for(
    const struct trace *trace, const struct lease_event *event, const struct cgroup_name *cgroup)
{
	const struct filter_subject subject = {
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .remote = event->remote,
	    .remote_port = event->remote_port,
	    .comm = event->comm,
	    .pid = (int)event->pid,
	    .cgroup = cgroup ? cgroup->path : NULL,
	};

	return !filter_is_asked(trace->options) ||
	       filter_has(trace->options, trace->owners, &subject);
}

static int on_ended(void *context, const struct lease_event *event)
{
	struct trace *trace = context;
	const struct cgroup_name *cgroup;
	int result;

	stop_where_ended(trace);
	if (trace_signals() > 1)
		return -ECANCELED;
	result = resolve(trace, event->cgroup_id, &cgroup);
	if (result == 0 && !is_asked_for(trace, event, cgroup)) {
		trace->others++;
		return 0;
	}
	if (result == 0)
		result = trace_leases_print(event, trace->clock, cgroup, trace->json);
	trace->printed++;
	if (result == 0 && trace->printed % LOSSES_LEASES == 0)
		result = tell_losses_if_due(trace);
	return result;
}

static int read_once(struct trace *trace, int timeout_ms)
{
	int result;

	set_clock(trace);
	result = trace->owners ? owner_filter_begin(trace->owners, false) : 0;
	if (result == 0)
		result = lease_probe_read(trace->probe, timeout_ms);
	if (result == -EINTR)
		result = 0;
	if (result == 0)
		result = tell_losses_if_due(trace);
	return result == 0 ? terminal_flush() : result;
}

static int print_sum(struct trace *trace)
{
	struct trace_leases_sum sum = {.seconds = clock_seconds_since(&trace->started)};
	int result = tell_losses(trace);

	sum.leases = trace->printed;
	sum.is_part = filter_is_asked(trace->options);
	sum.others = trace->others;
	sum.losses = trace->told;
	if (result == 0)
		result = trace_leases_print_sum(&sum, trace->json);
	return result == 0 ? terminal_flush() : result;
}

static int run(struct trace *trace)
{
	int result = trace_leases_print_start(trace->json);

	if (result == 0)
		result = terminal_flush();

	while (!trace_signals() && result == 0)
		result = read_once(trace, WAIT_MS);
	stop_where_ended(trace);
	/* What came before the signal. */
	if (result == 0)
		result = read_once(trace, 0);
	return result < 0 && result != -ECANCELED ? result : print_sum(trace);
}

static int open_trace(struct trace *trace, const char **ret_reason)
{
	const struct options *options = trace->options;
	const struct lease_probe_options wanted = {
	    .leases = options->values[collector_find("exhaustion")][EXHAUSTION_LEASES_LIMIT],
	    .buffer_bytes = options->buffer_mib << 20,
	};
	const struct lease_probe_sink sink = {on_ended, on_cgroup, trace};
	int result;

	trace->names = cgroup_names_new(options->sysfs);
	if (!trace->names || filter_open_owners(options, &trace->owners) < 0)
		return -ENOMEM;
	trace->started = trace->looked = clock_now();
	result = lease_probe_open(&wanted, &sink, &trace->probe, ret_reason);
	if (result == -EPERM)
		*ret_reason = kernel_tables_refused("loading BPF programs needs");
	return result;
}

int trace_leases(const struct options *options)
{
	struct json_writer json = {.is_first = true};
	struct trace trace = {.options = options, .json = options->json ? &json : NULL};
	const char *reason = NULL;
	int result;

	trace_catch_signals();
	/* Written out after each look: a line at a time would be a system call for each lease. */
	(void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	result = open_trace(&trace, &reason);
	if (result == 0)
		result = run(&trace);
	lease_probe_close(trace.probe);
	cgroup_names_free(trace.names);
	owner_filter_free(trace.owners);
	free(json.text.data);
	return command_end(&trace_command, result, reason);
}
