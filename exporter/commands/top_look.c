// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/top_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/gather.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/views/destination_rows.h"
#include "collectors/views/destinations_everywhere.h"
#include "collectors/views/namespace_rows.h"
#include "exporter/base/text.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"

/* Of failures between two looks; more are counted and not shown, as only the last one is. */
#define EVENTS_BYTES (1ul << 18)

struct top_look {
	struct options *options;
	struct gatherer *finder;
	struct owner_filter *owners; /* NULL: all */
	bool has_all;		     /* the walk of all namespaces is open */
	const char *reason;
	struct exhaustion_probe probe;
	struct exhaustion_events *events; /* NULL: failures are not seen */
	unsigned long failures;
	unsigned long refused;
	time_t begun;		/* when failures began to be seen */
	struct timespec failed; /* CLOCK_MONOTONIC: when the last one was */
	char last[TOP_LINE];
	char summary[TOP_LINE];
};

/* "since 12:03", with the date if that was another day's. */
static void format_since(time_t then, char text[static 20])
{
	const bool is_old = time(NULL) - then >= 24L * 3600;
	struct tm local;

	strftime(text, 20, is_old ? "%Y-%m-%d %H:%M" : "%H:%M", localtime_r(&then, &local));
}

static void format_ago(const struct timespec *then, char text[static 20])
{
	const double seconds = clock_seconds_since(then);

	if (seconds < 120)
		snprintf(text, 20, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(text, 20, "%.0f min", seconds / 60);
	else
		snprintf(text, 20, "%.0f h", seconds / 3600);
}

static void format_address(
    const struct exhausted_event *event, const void *address, char text[static SOCKET_ADDRESS_TEXT])
{
	struct socket_address copy;

	memcpy(&copy, address, sizeof(copy));
	socket_address_format(
	    &copy, event->family ? SOCKET_IPV6 : SOCKET_IPV4, event->interface, text);
}

static int note_failure(void *context, const struct exhausted_event *event)
{
	struct top_look *look = context;
	char comm[sizeof(event->comm) + 1] = "";
	char address[SOCKET_ADDRESS_TEXT];
	char what[SOCKET_ENDPOINT_TEXT + 32];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	look->failed = clock_now();
	memcpy(comm, event->comm, sizeof(event->comm));
	if (event->refused_port) {
		look->refused++;
		snprintf(what, sizeof(what), "bind %u", event->refused_port);
	} else if (event->call == EXHAUSTED_CONNECT) {
		look->failures++;
		format_address(event, event->remote, address);
		socket_endpoint_format(address, event->family ? SOCKET_IPV6 : SOCKET_IPV4,
		    event->remote_port, endpoint);
		snprintf(what, sizeof(what), "connect %s", endpoint);
	} else {
		look->failures++;
		snprintf(what, sizeof(what), "bind to any port");
	}
	snprintf(look->last, sizeof(look->last), "%s, %s (pid %u)", what, comm, event->pid);
	text_make_printable(look->last);
	return 0;
}

static void open_failures(struct top_look *look)
{
	const struct exhaustion_probe_options wanted = {.events_bytes = EVENTS_BYTES};
	const char *reason = NULL;

	if (exhaustion_probe_open(&wanted, &look->probe, &reason) < 0)
		return;
	if (exhaustion_events_open(&look->probe, note_failure, look, &look->events) < 0) {
		exhaustion_probe_close(&look->probe);
		look->events = NULL;
	}
	look->begun = time(NULL);
}

int top_look_open(struct options *options, struct top_look **ret_look)
{
	struct top_look *look = calloc(1, sizeof(*look));
	int result;

	if (!look)
		return -ENOMEM;
	look->options = options;
	result = kernel_tables_open(options, KERNEL_TABLES_PEOPLE);
	if (result == 0)
		result = destination_finder_open(
		    &options->source, options->sysfs, filter_peers(options), &look->finder);
	if (result == 0)
		result = filter_open_owners(options, &look->owners);
	if (result < 0) {
		top_look_close(look);
		return result;
	}
	open_failures(look);
	*ret_look = look;
	return 0;
}

void top_look_close(struct top_look *look)
{
	if (!look)
		return;
	if (look->events) {
		exhaustion_events_close(look->events);
		exhaustion_probe_close(&look->probe);
	}
	gatherer_free(look->finder);
	owner_filter_free(look->owners);
	kernel_tables_close(look->options);
	free(look);
}

static void summarize(struct top_look *look, const struct destination_rows *rows)
{
	const struct bound_ports *bound = &rows->bound.ports;
	char all[32] = "";

	if (rows->others)
		snprintf(all, sizeof(all), " of %lu", rows->destinations + rows->others);
	snprintf(look->summary, sizeof(look->summary),
	    "%u port%s each (%u-%u), %u lost to bind(); %lu used, %lu%s destination%s",
	    rows->capacity, rows->capacity == 1 ? "" : "s", rows->settings.range.first,
	    rows->settings.range.last, bound->listen + bound->bound + bound->connected,
	    rows->ports - rows->reusable, rows->destinations, all,
	    rows->destinations + rows->others == 1 ? "" : "s");
}

static int look_at_destinations(struct top_look *look, struct top_rows *ret_rows)
{
	struct gathering gathering;
	struct timespec now;
	struct destination_rows *rows;
	int result = gather(look->finder, 1, NULL, NULL, NULL, &gathering);

	if (result == 0)
		result = gathering.outcomes[0].error;
	if (result < 0)
		return result;
	now = clock_now();
	rows = destination_rows_found(gatherer_state(look->finder, 0));
	result = destination_rows_name_owners(gatherer_cgroups(look->finder), rows);
	if (result == 0 && look->owners)
		result = owner_filter_begin(look->owners, true);
	if (result < 0)
		return result;
	if (look->owners)
		destination_rows_keep_owned(rows, look->owners);

	summarize(look, rows);
	return top_rows_of_destinations(rows, &now, ret_rows);
}

static int look_at_namespaces(struct top_look *look, struct top_rows *ret_rows)
{
	struct options *options = look->options;
	struct namespace_rows *rows;
	struct timespec now;
	int result;

	/* The walk is given up for good where it fails. */
	if (!options->source.walk) {
		look->reason = "needs root, or CAP_BPF and CAP_PERFMON";
		return -ENODATA;
	}
	result = namespace_rows_read(
	    &options->source, options->sysfs, options->pods, options->namespaces.names, &rows);
	if (result == -EOPNOTSUPP) {
		look->reason = kernel_tables_changed;
		return -ENODATA;
	}
	if (result < 0)
		return result;
	now = clock_now();
	snprintf(look->summary, sizeof(look->summary), "%zu network namespace%s on this host",
	    rows->length, rows->length == 1 ? "" : "s");
	result = top_rows_of_namespaces(rows, &now, ret_rows);
	namespace_rows_free(rows);
	return result;
}

/* Interfaces have other names there. */
static void forget_interfaces(struct destination_rows *rows)
{
	for (size_t i = 0; i < rows->length; i++)
		rows->list[i].destination.interface = 0;
}

/* By a walk over the sockets of all, so that none has to be entered. */
static int look_at_one(struct top_look *look, uint32_t namespace_id, struct top_rows *ret_rows)
{
	const struct options *options = look->options;
	const struct destinations_asked asked = {filter_peers(options), look->owners, namespace_id};
	struct destinations_everywhere *found;
	struct destination_rows *rows;
	struct timespec now;
	int result = destinations_everywhere_read(&options->source, options->sysfs, options->pods,
	    options->namespaces.names, &asked, DESTINATION_ROWS_MAX, &found);

	if (result == -EOPNOTSUPP) {
		look->reason = kernel_tables_changed;
		return -ENODATA;
	}
	if (result < 0)
		return result;
	now = clock_now();
	rows = destinations_everywhere_of(found, namespace_id);
	if (rows) {
		forget_interfaces(rows);
		summarize(look, rows);
		result = top_rows_of_destinations(rows, &now, ret_rows);
	} else {
		look->reason = "that network namespace is gone";
		result = -ENODATA;
	}
	destinations_everywhere_free(found);
	return result;
}

int top_look_now(
    struct top_look *look, enum top_view view, uint32_t namespace_id, struct top_rows *ret_rows)
{
	switch (view) {
	case TOP_NAMESPACES:
		return look_at_namespaces(look, ret_rows);
	case TOP_ONE:
		return look_at_one(look, namespace_id, ret_rows);
	default:
		return look_at_destinations(look, ret_rows);
	}
}

const char *top_look_reason(const struct top_look *look)
{
	return look->reason;
}

void top_look_summarize(const struct top_look *look, char text[static TOP_LINE])
{
	snprintf(text, TOP_LINE, "%s", look->summary);
}

void top_look_failures(struct top_look *look, enum top_view view, char text[static TOP_LINE])
{
	const char *where = view == TOP_NAMESPACES ? " in this network namespace"
			    : view == TOP_ONE	   ? " in top's own network namespace"
						   : "";
	char since[20];
	char ago[20];
	char refused[32] = "";

	if (!look->events) {
		snprintf(
		    text, TOP_LINE, "Failed calls are not seen without CAP_BPF and CAP_PERFMON.");
		return;
	}
	(void)exhaustion_events_wait(look->events, 0);
	format_since(look->begun, since);
	format_ago(&look->failed, ago);
	if (look->refused)
		snprintf(refused, sizeof(refused), ", refused: %lu", look->refused);
	/* Not every kernel shows calls of bind(): then nothing is said of them. */
	if (look->failures + look->refused == 0)
		snprintf(text, TOP_LINE, "No %s has failed%s since %s.",
		    look->probe.counts_binds ? "call" : "connect()", where, since);
	else
		snprintf(text, TOP_LINE, "Failed%s since %s: %lu%s. %s ago: %.120s", where, since,
		    look->failures, refused, ago, look->last);
}
