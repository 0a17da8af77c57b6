// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/mib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/procfs.h"

#define FILE_LIMIT ((size_t)256 * 1024) /* both have a few kilobytes */

struct span {
	const char *at;
	const char *end;
};

static bool take_line(struct span *text, struct span *ret_line)
{
	if (text->at == text->end)
		return false;

	const char *newline = memchr(text->at, '\n', (size_t)(text->end - text->at));
	const char *end = newline ? newline : text->end;

	*ret_line = (struct span){text->at, end};
	text->at = newline ? newline + 1 : text->end;
	return true;
}

static bool take_word(struct span *line, struct span *ret_word)
{
	while (line->at < line->end && *line->at == ' ')
		line->at++;
	if (line->at == line->end)
		return false;

	const char *start = line->at;

	while (line->at < line->end && *line->at != ' ')
		line->at++;
	*ret_word = (struct span){start, line->at};
	return true;
}

static bool span_is(struct span span, const char *text, size_t length)
{
	return (size_t)(span.end - span.at) == length && memcmp(span.at, text, length) == 0;
}

static bool spans_equal(struct span a, struct span b)
{
	return span_is(a, b.at, (size_t)(b.end - b.at));
}

static int parse_value(struct span word, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (const char *at = word.at; at < word.end; at++) {
		if (*at < '0' || *at > '9')
			return -EBADMSG;

		const uint64_t digit = (uint64_t)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -EBADMSG;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

static struct mib_counter *find(
    struct span group, struct span name, struct mib_counter *counters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_is(group, counters[i].group, strlen(counters[i].group)) &&
		    span_is(name, counters[i].name, strlen(counters[i].name)))
			return &counters[i];
	return NULL;
}

/* "Tcp: A B" and "Tcp: 1 2". */
static int parse_pair(
    struct span names, struct span values, struct mib_counter *counters, size_t count)
{
	struct span group;
	struct span group_again;
	struct span name;
	struct span value;

	if (!take_word(&names, &group) || !take_word(&values, &group_again) ||
	    !spans_equal(group, group_again) || group.end[-1] != ':')
		return -EBADMSG;
	group.end--;
	while (take_word(&names, &name)) {
		if (!take_word(&values, &value))
			return -EBADMSG;

		struct mib_counter *counter = find(group, name, counters, count);

		if (!counter)
			continue;
		if (parse_value(value, &counter->value) < 0)
			return -EBADMSG;
		counter->found = true;
	}
	return take_word(&values, &value) ? -EBADMSG : 0;
}

int mib_parse(const char *text, size_t length, struct mib_counter *counters, size_t count)
{
	struct span rest = {text, text + length};
	struct span names;
	struct span values;

	for (size_t i = 0; i < count; i++)
		counters[i].found = false;
	while (take_line(&rest, &names)) {
		if (!take_line(&rest, &values))
			return -EBADMSG;

		const int result = parse_pair(names, values, counters, count);

		if (result < 0)
			return result;
	}
	return 0;
}

int mib_read(const char *procfs, const char *name, struct mib_counter *counters, size_t count)
{
	cleanup_free char *text = NULL;
	size_t length;
	char path[64];

	for (size_t i = 0; i < count && !procfs; i++)
		counters[i].found = false;
	if (!procfs)
		return 0;
	snprintf(path, sizeof(path), "net/%s", name);

	const int result = procfs_read(procfs, path, FILE_LIMIT, &text, &length);

	return result < 0 ? result : mib_parse(text, length, counters, count);
}
