// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* When an EventSource connects again, in ms. */
#define RETRY "retry: 1000\n"

struct failure_log {
	uint64_t epoch;
	uint64_t last;
	struct text events[FAILURE_LOG_LENGTH]; /* number i is at i % FAILURE_LOG_LENGTH */
};

struct failure_log *failure_log_new(void)
{
	struct failure_log *log = calloc(1, sizeof(*log));
	struct timespec now;

	if (!log)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	log->epoch = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	return log;
}

void failure_log_free(struct failure_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < FAILURE_LOG_LENGTH; i++)
		free(log->events[i].data);
	free(log);
}

void failure_log_add(struct failure_log *log, struct text *json)
{
	if (json->error) {
		free(json->data);
	} else {
		struct text *place = &log->events[++log->last % FAILURE_LOG_LENGTH];

		free(place->data);
		*place = *json;
	}
	*json = (struct text){0};
}

uint64_t failure_log_last(const struct failure_log *log)
{
	return log->last;
}

uint64_t failure_log_after(const struct failure_log *log, const struct failure_id *id)
{
	if (id->epoch != log->epoch)
		return 0;
	return id->number < log->last ? id->number : log->last;
}

/* Reads digits, at most 18. Returns what follows them; NULL: there are none. */
static const char *read_number(const char *text, uint64_t *ret_number)
{
	const size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 18)
		return NULL;
	*ret_number = strtoull(text, NULL, 10);
	return text + length;
}

bool failure_id_read(const char *text, struct failure_id *ret_id)
{
	struct failure_id id;
	const char *rest = read_number(text, &id.epoch);

	if (!rest || *rest != '-')
		return false;
	rest = read_number(rest + 1, &id.number);
	if (!rest || *rest)
		return false;
	*ret_id = id;
	return true;
}

static void add_id(const struct failure_log *log, uint64_t number, struct text *text)
{
	char line[64];

	snprintf(line, sizeof(line), "id: %" PRIu64 "-%" PRIu64 "\n", log->epoch, number);
	text_add_string(text, line);
}

void failure_log_write(const struct failure_log *log, uint64_t after, struct text *text)
{
	const uint64_t kept = log->last < FAILURE_LOG_LENGTH ? log->last : FAILURE_LOG_LENGTH;
	uint64_t number = after < log->last - kept ? log->last - kept : after;

	text_add_string(text, RETRY);
	if (number == log->last) {
		text_add_string(text, ": no call failed\n");
		add_id(log, number, text);
		text_add_char(text, '\n');
	}
	while (number < log->last) {
		const struct text *event = &log->events[++number % FAILURE_LOG_LENGTH];

		add_id(log, number, text);
		text_add_string(text, "event: failure\ndata: ");
		text_add(text, event->data, event->length);
		text_add_string(text, "\n\n");
	}
}
