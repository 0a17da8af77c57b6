// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/lease_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/lease_copy.h"

/* Of any number in a line: more is no count. */
#define COUNT_MAX (1ul << 53)

struct lease_search {
	struct lease_search_options options;
	struct lease **found;
	size_t length;
	struct lease *before;
	struct lease *after;
	struct lease_answer answer;
	bool is_too_long; /* the line is; its rest is skipped */
	size_t line_length;
	char line[LEASE_LINE_MAX + 1];
};

struct lease_search *lease_search_new(const struct lease_search_options *options)
{
	struct lease_search *search = calloc(1, sizeof(*search));

	if (!search)
		return NULL;
	search->options = *options;
	search->found = calloc(options->limit ? options->limit : 1, sizeof(struct lease *));
	if (!search->found) {
		free(search);
		return NULL;
	}
	return search;
}

void lease_search_free(struct lease_search *search)
{
	if (!search)
		return;
	for (size_t i = 0; i < search->length; i++)
		free(search->found[i]);
	free(search->found);
	free(search->before);
	free(search->after);
	free(search);
}

bool lease_was_in_time_wait(const struct lease *lease, const struct moment_span *at)
{
	return lease->until < at->from;
}

static bool has_port_at(const struct lease *lease, const struct moment_span *at)
{
	const int64_t until = lease->until + (lease->time_wait ? LEASE_TIME_WAIT : 0);

	return lease->from < at->until && until >= at->from;
}

/* Keeps a copy instead of the one before. Returns 0 or -ENOMEM. */
static int replace(struct lease **place, const struct lease *lease)
{
	struct lease *copy = lease_copy(lease);

	if (!copy)
		return -ENOMEM;
	free(*place);
	*place = copy;
	return 0;
}

static int take_lease(struct lease_search *search, const struct lease *lease)
{
	const struct moment_span *at = &search->options.at;

	search->answer.leases++;
	if (!portset_has(&search->options.ports, lease->source_port))
		return 0;
	if (has_port_at(lease, at)) {
		if (search->length == search->options.limit) {
			search->answer.others++;
			return 0;
		}
		search->found[search->length] = lease_copy(lease);
		return search->found[search->length++] ? 0 : -ENOMEM;
	}
	if (lease->until < at->from)
		return !search->before || lease->until > search->before->until
			   ? replace(&search->before, lease)
			   : 0;
	return !search->after || lease->from < search->after->from ? replace(&search->after, lease)
								   : 0;
}

static void note_line(struct lease_answer *answer, int64_t moment)
{
	if (!answer->has_lines || moment < answer->first)
		answer->first = moment;
	if (!answer->has_lines || moment > answer->last)
		answer->last = moment;
	answer->has_lines = true;
}

static void add_count(const struct json_value *object, const char *key, uint64_t *sum)
{
	unsigned long count = 0;

	(void)json_get_whole(object, key, COUNT_MAX, &count);
	*sum += count;
}

/* A run has the time asked for if it began before, and ends with the next begin or summary. */
static void take_run(struct lease_search *search, int64_t moment, bool is_start)
{
	struct lease_answer *answer = &search->answer;

	if (moment >= search->options.at.until) {
		if (!answer->has_stop || moment < answer->stop)
			answer->stop = moment;
		answer->has_stop = true;
	} else if (is_start) {
		if (!answer->has_start || moment > answer->start)
			answer->start = moment;
		answer->has_start = true;
	}
}

/* The other lines of a trace: {"started": ...}, {"lost": ...} and {"summary": ...}. */
static bool take_note(struct lease_search *search, const struct json_value *line)
{
	const struct json_value *started = json_get_object(line, "started");
	const struct json_value *lost = json_get_object(line, "lost");
	const struct json_value *note = started ? started : lost;
	struct moment_span span;
	const char *time;

	if (!note)
		note = json_get_object(line, "summary");
	time = json_get_string(note, "time");
	if (!time || !moment_parse(time, &span))
		return false;
	note_line(&search->answer, span.from);
	if (!lost) {
		take_run(search, span.from, started);
	} else {
		add_count(lost, "leases", &search->answer.lost.leases);
		add_count(lost, "untracked", &search->answer.lost.untracked);
		add_count(lost, "missed_events", &search->answer.lost.missed);
	}
	return true;
}

static int take_object(struct lease_search *search, const struct json_value *line)
{
	struct lease lease;

	if (lease_json_read(line, &lease)) {
		note_line(&search->answer, lease.until);
		return take_lease(search, &lease);
	}
	if (!take_note(search, line))
		search->answer.skipped++;
	return 0;
}

/* A line of `journalctl -o json` has the trace's own in a member. */
static int take_line(struct lease_search *search, const char *text)
{
	struct json_value *line = json_parse(text);
	const char *message = json_get_string(line, "MESSAGE");
	struct json_value *inner = message ? json_parse(message) : NULL;
	const int result = take_object(search, message ? inner : line);

	json_value_free(inner);
	json_value_free(line);
	return result;
}

static int end_line(struct lease_search *search)
{
	int result = 0;

	search->line[search->line_length] = '\0';
	if (search->is_too_long || strlen(search->line) != search->line_length)
		search->answer.skipped++;
	else if (search->line_length)
		result = take_line(search, search->line);
	search->is_too_long = false;
	search->line_length = 0;
	return result;
}

static void add_to_line(struct lease_search *search, const char *bytes, size_t length)
{
	if (search->is_too_long || length > LEASE_LINE_MAX - search->line_length) {
		search->is_too_long = true;
		return;
	}
	memcpy(search->line + search->line_length, bytes, length);
	search->line_length += length;
}

int lease_search_feed(struct lease_search *search, const char *bytes, size_t length)
{
	while (length) {
		const char *end = memchr(bytes, '\n', length);
		const size_t part = end ? (size_t)(end - bytes) : length;

		add_to_line(search, bytes, part);
		if (!end)
			return 0;

		const int result = end_line(search);

		if (result < 0)
			return result;
		bytes += part + 1;
		length -= part + 1;
	}
	return 0;
}

static int compare_begins(const void *a, const void *b)
{
	const struct lease *first = *(const struct lease *const *)a;
	const struct lease *second = *(const struct lease *const *)b;

	return first->from < second->from ? -1 : first->from > second->from;
}

int lease_search_finish(struct lease_search *search, struct lease_answer *ret_answer)
{
	const int result = end_line(search);

	if (result < 0)
		return result;
	qsort(search->found, search->length, sizeof(struct lease *), compare_begins);
	*ret_answer = search->answer;
	ret_answer->list = (const struct lease *const *)search->found;
	ret_answer->length = search->length;
	ret_answer->before = search->before;
	ret_answer->after = search->after;
	return 0;
}
