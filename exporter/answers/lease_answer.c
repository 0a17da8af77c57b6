// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/lease_answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "exporter/base/terminal.h"

#define NOTE_SIZE 512
#define NUMBER(x) ((unsigned long long)(x))

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sentence, in lines that fit. */
static void note(const char *format, ...)
{
	char text[NOTE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	terminal_print_wrapped(text, 0, terminal_width());
}

/* "2026-11-29 12:03:00.000 to 12:04:00.000, CET": so a wrong day or zone is noticed. */
static void format_span(const struct moment_span *at, char text[static NOTE_SIZE])
{
	const time_t seconds = (time_t)(at->from / MOMENT_SECOND);
	char from[MOMENT_TEXT];
	char until[MOMENT_TEXT];
	char day[16];
	char zone[16];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	strftime(zone, sizeof(zone), "%Z", &tm);
	moment_format_local(at->from, at->from, from);
	moment_format_local(at->until, at->from, until);
	snprintf(text, NOTE_SIZE, "%s, %s to %s %s", day, from, until, zone);
}

static void format_ports(const struct portset *ports, char text[static NOTE_SIZE])
{
	struct port_range range = {0, 0};
	unsigned position = 0;

	(void)portset_next_range(ports, &position, &range);
	if (portset_count(ports) == 1)
		snprintf(text, NOTE_SIZE, "port %u", range.first);
	else
		snprintf(text, NOTE_SIZE, "one of %u ports", portset_count(ports));
}

static int print_nearest(const char *what, const struct lease *lease, int64_t day)
{
	if (!lease)
		return 0;
	puts(what);
	return lease_print_block(lease, day);
}

static int print_list(const struct lease_search_options *wanted, const struct lease_answer *answer)
{
	int result = 0;

	for (size_t i = 0; i < answer->length && result == 0; i++) {
		result = lease_print_block(answer->list[i], wanted->at.from);
		if (lease_was_in_time_wait(answer->list[i], &wanted->at))
			puts("       It was over then, and may have had the port in TIME_WAIT.");
		putchar('\n');
	}
	if (answer->others)
		note("%llu more had it then (--limit).\n", NUMBER(answer->others));
	return result;
}

static void print_run(const struct lease_answer *answer, int64_t day)
{
	char start[MOMENT_TEXT];
	char stop[MOMENT_TEXT];

	moment_format_local(answer->start, day, start);
	moment_format_local(answer->stop, day, stop);
	if (answer->has_start && answer->has_stop)
		note("The trace ran from %s to %s: connections that were open before or after are "
		     "missing.",
		    start, stop);
	else if (answer->has_start)
		note(
		    "The trace began at %s: connections that were open before are missing.", start);
	else if (answer->has_stop)
		note("The trace ended or began again at %s: connections that were open then are "
		     "missing.",
		    stop);
}

/* Returns whether the lines begin too late, because that is when the trace began. */
static bool print_late_start(const struct lease_answer *answer, int64_t wanted)
{
	char start[MOMENT_TEXT];

	if (answer->first <= wanted || answer->has_start || !answer->has_stop ||
	    answer->stop > answer->first)
		return false;
	moment_format_local(answer->stop, wanted, start);
	note("The trace began at %s, after the time that was asked for.", start);
	return true;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_losses(const struct lease_lost *lost)
{
	const uint64_t leases = lost->leases + lost->untracked;

	if (leases)
		note("%llu lease%s not in these lines: one may have had it.", NUMBER(leases),
		    leases == 1 ? " is" : "s are");
	if (lost->missed)
		note("The trace missed %llu change%s of state on that machine: few are the end of "
		     "a lease.",
		    NUMBER(lost->missed), plural(lost->missed));
}

/* What the lines cannot tell, so that nobody takes silence for an answer. */
static void print_limits(
    const struct lease_search_options *wanted, const struct lease_answer *answer)
{
	const int64_t day = wanted->at.from;
	char first[MOMENT_TEXT];
	char last[MOMENT_TEXT];

	moment_format_local(answer->first, day, first);
	moment_format_local(answer->last, day, last);
	note("The lines are from %s to %s, with %llu lease%s. A connection that was still open at "
	     "their end is not among them.",
	    first, last, NUMBER(answer->leases), plural(answer->leases));
	if (!print_late_start(answer, wanted->at.from)) {
		if (answer->first > wanted->at.from)
			note("They begin after the time that was asked for.");
		if (answer->last < wanted->at.from)
			note("They end before the time that was asked for.");
		print_run(answer, day);
	}
	print_losses(&answer->lost);
	if (answer->skipped)
		note("%llu line%s not from \"ephemera trace --leases --json\".",
		    NUMBER(answer->skipped), answer->skipped == 1 ? " was" : "s were");
}

int lease_answer_print(const struct lease_search_options *wanted, const struct lease_answer *answer)
{
	char span[NOTE_SIZE];
	char ports[NOTE_SIZE];
	int result;

	format_span(&wanted->at, span);
	format_ports(&wanted->ports, ports);
	if (answer->length)
		printf("Who had %s on %s:\n\n", ports, span);
	else
		printf("No lease of %s on %s.\n\n", ports, span);
	result = print_list(wanted, answer);
	if (answer->length == 0 && result == 0)
		result = print_nearest("The last one before:", answer->before, wanted->at.from);
	if (answer->length == 0 && result == 0)
		result = print_nearest("The first one after:", answer->after, wanted->at.from);
	if (answer->length == 0 && (answer->before || answer->after))
		putchar('\n');
	if (result == 0)
		print_limits(wanted, answer);
	return result;
}

static void add_lines(struct json_writer *writer, const struct lease_answer *answer)
{
	json_writer_open(writer, "lines", '{');
	json_writer_number(writer, "leases", answer->leases);
	json_writer_number(writer, "skipped", answer->skipped);
	json_writer_moment(writer, "first", answer->first);
	json_writer_moment(writer, "last", answer->last);
	if (answer->has_start)
		json_writer_moment(writer, "started", answer->start);
	if (answer->has_stop)
		json_writer_moment(writer, "stopped", answer->stop);
	json_writer_number(writer, "lost", answer->lost.leases);
	json_writer_number(writer, "untracked", answer->lost.untracked);
	json_writer_number(writer, "missed_events", answer->lost.missed);
	json_writer_close(writer, '}');
}

static void add_nearest(struct json_writer *writer, const char *key, const struct lease *lease)
{
	if (!lease)
		return;
	json_writer_open(writer, key, '{');
	lease_json_add(writer, lease);
	json_writer_close(writer, '}');
}

int lease_answer_print_json(
    const struct lease_search_options *wanted, const struct lease_answer *answer)
{
	struct json_writer writer = {.is_first = true};
	int result;

	json_writer_open(&writer, NULL, '{');
	json_writer_open(&writer, "at", '{');
	json_writer_moment(&writer, "from", wanted->at.from);
	json_writer_moment(&writer, "until", wanted->at.until);
	json_writer_close(&writer, '}');
	json_writer_open(&writer, "leases", '[');
	for (size_t i = 0; i < answer->length; i++) {
		const struct lease *lease = answer->list[i];

		json_writer_open(&writer, NULL, '{');
		lease_json_add(&writer, lease);
		json_writer_bool(
		    &writer, "in_time_wait", lease_was_in_time_wait(lease, &wanted->at));
		json_writer_close(&writer, '}');
	}
	json_writer_close(&writer, ']');
	json_writer_number(&writer, "other_leases", answer->others);
	add_nearest(&writer, "before", answer->before);
	add_nearest(&writer, "after", answer->after);
	add_lines(&writer, answer);
	json_writer_close(&writer, '}');
	result = json_writer_print(&writer);
	free(writer.text.data);
	return result;
}
