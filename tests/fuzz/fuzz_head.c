// SPDX-License-Identifier: Apache-2.0
/*
 * The head of a request, after a byte that says which libmicrohttpd has cut it up: 0.9.75, or, if
 * it is odd, 1.0. A head that breaks no rule must be what a parser that guesses nothing accepts.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exporter/web/head.h"
#include "exporter/web/routes.h"
#include "fuzz.h"

#define HEADERS_MAX 64

/* A head in the library's buffer, and how far that got. */
struct cut {
	char *rest;
	char *end; /* of the buffer */
	bool is_new;
	struct head head;
};

/* The next line, and its length in ret_length; its end is overwritten as the library does. */
static char *next_line(struct cut *cut, size_t *ret_length)
{
	char *line = cut->rest;
	char *feed = memchr(line, '\n', (size_t)(cut->end - line));

	if (!feed)
		return NULL;
	cut->rest = feed + 1;
	*ret_length = (size_t)(feed - line);

	const bool has_return = *ret_length > 0 && feed[-1] == '\r';

	*ret_length -= has_return;
	/* 1.0 leaves the line feed, and all of an empty line. */
	if (!cut->is_new)
		memset(line + *ret_length, '\0', has_return ? 2 : 1);
	else if (*ret_length > 0)
		line[*ret_length] = '\0';
	return line;
}

/* What libmicrohttpd 1.0 does not hand on. */
static bool new_refuses(const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);

	return memchr(line, '\0', length) || memchr(line, '\r', length) || !colon ||
	       colon == line || memchr(line, ' ', (size_t)(colon - line)) ||
	       memchr(line, '\t', (size_t)(colon - line)) || line[0] == ' ' || line[0] == '\t';
}

/* Returns false if the library would not hand it on. */
static bool cut_request_line(struct cut *cut, char **ret_target)
{
	size_t length;
	char *line = next_line(cut, &length);
	char *first = line ? memchr(line, ' ', length) : NULL;
	char *last = line ? memrchr(line, ' ', length) : NULL;

	if (!first || first == last || first == line || line + length - last != 9 ||
	    memcmp(last + 1, "HTTP/1.", 7) != 0 || last[8] < '0' || last[8] > '9')
		return false;
	if (cut->is_new &&
	    (memchr(line, '\0', length) || memchr(first + 1, ' ', (size_t)(last - first - 1))))
		return false;
	*first = *last = '\0';

	char *path = first + 1;

	while (*path == ' ')
		path++;
	*ret_target = fuzz_string((const uint8_t *)path, strlen(path));

	const struct head_line parts = {.method = line,
	    .path = path,
	    .target = *ret_target,
	    .version = last + 1,
	    .head_length = (size_t)(cut->end - line)};

	head_begin(&cut->head, &parts);
	return true;
}

static bool cut_header(struct cut *cut, char *line, size_t length)
{
	if (cut->is_new && new_refuses(line, length))
		return false;

	char *colon = strchr(line, ':');

	if (!colon || line[0] == ' ' || line[0] == '\t')
		return false;
	*colon = '\0';

	char *value = colon + 1;

	while (*value == ' ' || *value == '\t')
		value++;

	size_t value_length = strlen(value);

	if (cut->is_new) {
		while (value_length > 0 && strchr(" \t", value[value_length - 1]))
			value_length--;
		value[value_length] = '\0';
	}
	head_add(&cut->head, line, strlen(line), value, value_length);
	return true;
}

/* Whether the library hands the head on; its length is then known. */
static bool cut_head(struct cut *cut, char **ret_target)
{
	const char *begin = cut->rest;

	if (!cut_request_line(cut, ret_target))
		return false;
	for (size_t i = 0; i < HEADERS_MAX; i++) {
		size_t length;
		char *line = next_line(cut, &length);

		if (!line)
			return false;
		if (cut->is_new ? length == 0 : line[0] == '\0') {
			cut->head.length = (size_t)(cut->rest - begin);
			return true;
		}
		if (!cut_header(cut, line, length))
			return false;
	}
	return false;
}

/* The counterpart, which knows the bytes as they were sent. */

static bool is_name(const char *name, size_t length, const char *wanted)
{
	return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

static size_t digits(const char *text, size_t length)
{
	size_t count = 0;

	while (count < length && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

struct seen {
	size_t hosts, lengths, encodings;
	bool reads;
};

static void check_header(const char *line, size_t length, struct seen *seen)
{
	const char *colon = memchr(line, ':', length);

	FUZZ_CHECK(colon && colon > line);
	for (const char *i = line; i < colon; i++)
		FUZZ_CHECK(*i > ' ' && *i < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", *i));

	const size_t name_length = (size_t)(colon - line);
	const char *value = colon + 1;
	const char *end = line + length;

	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	for (const char *i = value; i < end; i++)
		FUZZ_CHECK((unsigned char)*i >= ' ' || *i == '\t');
	seen->hosts += is_name(line, name_length, "Host");
	seen->encodings += is_name(line, name_length, "Transfer-Encoding");
	if (is_name(line, name_length, "Content-Length")) {
		const size_t count = digits(value, (size_t)(end - value));

		seen->lengths++;
		FUZZ_CHECK(
		    count > 0 && strspn(value + count, " \t\r") + count >= (size_t)(end - value));
		for (size_t i = 0; seen->reads && i < count; i++)
			FUZZ_CHECK(value[i] == '0');
	}
}

static void check_accepted(const char *raw, size_t length, bool reads)
{
	struct seen seen = {.reads = reads};
	const char *target = memchr(raw, ' ', length);
	const char *line = memchr(raw, '\n', length);
	bool is_first = true;

	FUZZ_CHECK(length > 4 && memcmp(raw + length - 4, "\r\n\r\n", 4) == 0);
	FUZZ_CHECK(target && line && target[1] == '/');

	const char *version = memchr(target + 1, ' ', (size_t)(line - target - 1));

	FUZZ_CHECK(version && line - version == 10);
	for (line = raw; *line != '\r'; is_first = false) {
		const char *feed = memchr(line, '\n', length - (size_t)(line - raw));

		FUZZ_CHECK(feed && feed > line && feed[-1] == '\r');
		FUZZ_CHECK(!memchr(line, '\0', (size_t)(feed - line)));
		FUZZ_CHECK(memchr(line, '\r', (size_t)(feed - line)) == feed - 1);
		if (!is_first)
			check_header(line, (size_t)(feed - 1 - line), &seen);
		line = feed + 1;
	}
	FUZZ_CHECK(line == raw + length - 2);
	FUZZ_CHECK(seen.hosts == 1 || (seen.hosts == 0 && memcmp(version, " HTTP/1.0", 9) == 0));
	FUZZ_CHECK(seen.lengths <= 1 && !(seen.lengths && seen.encodings));
	FUZZ_CHECK(!reads || seen.encodings == 0);
}

/* Whether libmicrohttpd 0.9.75 leaves nothing but zero bytes of these. */
static bool leaves_zeroes(const char *raw, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (raw[i] != '\0' && raw[i] != '\n' &&
		    (raw[i] != '\r' || i + 1 == length || raw[i + 1] != '\n'))
			return false;
	return true;
}

/* These ends of lines leave in the buffer what CR LF leaves, so that nobody can tell them apart. */
static void forgive(char *raw, size_t length, bool is_new)
{
	for (size_t i = 1; i < length; i++) {
		if (raw[i] != '\n')
			continue;
		if (is_new
			? raw[i - 1] == ' ' || raw[i - 1] == '\t'
			: raw[i - 1] == '\0' || (raw[i - 1] == ':' && i > 1 && raw[i - 2] == '\n'))
			raw[i - 1] = '\r';
	}
	/* A zero byte before one line's end makes up for the CR that the empty line lacks. */
	if (!is_new && length > 4 && leaves_zeroes(raw + length - 4, 4))
		memcpy(raw + length - 4, "\r\n\r\n", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	char *raw = fuzz_bytes(data + 1, size - 1);
	char *buffer = fuzz_bytes(data + 1, size - 1);
	char *target = NULL;
	struct cut cut = {.rest = buffer, .end = buffer + size - 1, .is_new = data[0] & 1};

	if (cut_head(&cut, &target)) {
		const struct head_rule *rule = head_broken_rule(&cut.head);

		if (rule) {
			FUZZ_CHECK(rule->sentence[0] && fuzz_is_printable(rule->sentence));
		} else {
			forgive(raw, cut.head.length, cut.is_new);
			check_accepted(raw, cut.head.length, cut.head.reads);
		}
	}
	free(target);
	free(buffer);
	free(raw);
	return 0;
}
