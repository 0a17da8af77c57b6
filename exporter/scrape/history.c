// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/base/json_writer.h"

#define STEP_MS 1000
#define SAMPLES (HISTORY_SECONDS * 1000 / STEP_MS)

struct sample {
	int64_t time_ms;
	uint64_t failures;
	uint64_t calls;
	uint16_t usable;
	bool has_failures;
	uint8_t length;
	uint8_t names[HISTORY_DESTINATIONS];
	uint16_t used[HISTORY_DESTINATIONS];
};

struct name {
	unsigned samples; /* that have it; 0: the place is free */
	uint16_t port;
	char source[SOCKET_ADDRESS_TEXT];
	char destination[SOCKET_ADDRESS_TEXT];
};

struct history {
	size_t first; /* the oldest */
	size_t length;
	struct sample samples[SAMPLES];
	struct name names[HISTORY_NAMES];
	bool has_snat;
	struct history_snat snat;
};

struct history *history_new(void)
{
	return calloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
	free(history);
}

static struct sample *at(const struct history *history, size_t i)
{
	return (struct sample *)&history->samples[(history->first + i) % SAMPLES];
}

static void drop_oldest(struct history *history)
{
	const struct sample *oldest = at(history, 0);

	for (size_t i = 0; i < oldest->length; i++)
		history->names[oldest->names[i]].samples--;
	history->first = (history->first + 1) % SAMPLES;
	history->length--;
}

/* The place of the name; HISTORY_NAMES: there is none left. */
static size_t find_name(struct history *history, const struct history_destination *wanted)
{
	size_t empty = HISTORY_NAMES;

	for (size_t i = 0; i < HISTORY_NAMES; i++) {
		const struct name *name = &history->names[i];

		if (name->samples == 0) {
			if (empty == HISTORY_NAMES)
				empty = i;
		} else if (name->port == wanted->port &&
			   strcmp(name->destination, wanted->destination) == 0 &&
			   strcmp(name->source, wanted->source) == 0) {
			return i;
		}
	}
	if (empty < HISTORY_NAMES) {
		struct name *name = &history->names[empty];

		name->port = wanted->port;
		memcpy(name->source, wanted->source, sizeof(name->source));
		memcpy(name->destination, wanted->destination, sizeof(name->destination));
	}
	return empty;
}

/* How many of the oldest are too old at that time. */
static size_t count_old(const struct history *history, int64_t now_ms)
{
	size_t old = 0;

	while (
	    old < history->length && now_ms - at(history, old)->time_ms > HISTORY_SECONDS * 1000ll)
		old++;
	return old;
}

static void add(struct history *history, const struct history_look *look)
{
	struct sample *sample = at(history, history->length++);

	*sample = (struct sample){
	    .time_ms = look->time_ms,
	    .failures = look->failures,
	    .calls = look->calls,
	    .usable = (uint16_t)(look->usable < UINT16_MAX ? look->usable : UINT16_MAX),
	    .has_failures = look->has_failures,
	};
	for (size_t i = 0; i < look->length && i < HISTORY_DESTINATIONS; i++) {
		const struct history_destination *found = &look->list[i];
		const size_t place = find_name(history, found);

		if (place == HISTORY_NAMES)
			continue;
		history->names[place].samples++;
		sample->names[sample->length] = (uint8_t)place;
		sample->used[sample->length++] =
		    (uint16_t)(found->used < UINT16_MAX ? found->used : UINT16_MAX);
	}
}

void history_note(struct history *history, const struct history_look *look)
{
	if (history->length) {
		const int64_t last = at(history, history->length - 1)->time_ms;

		if (look->time_ms < last)
			while (history->length)
				drop_oldest(history);
		else if (look->time_ms - last < STEP_MS)
			return;
	}
	for (size_t old = count_old(history, look->time_ms); old; old--)
		drop_oldest(history);
	if (history->length == SAMPLES)
		drop_oldest(history);
	add(history, look);
}

int64_t history_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

size_t history_length(const struct history *history, int64_t now_ms)
{
	return history->length - count_old(history, now_ms);
}

bool history_find_calls(
    const struct history *history, int64_t now_ms, struct history_calls *ret_calls)
{
	const struct sample *first = NULL;
	const struct sample *last = NULL;

	for (size_t i = count_old(history, now_ms); i < history->length; i++) {
		if (!at(history, i)->has_failures)
			continue;
		last = at(history, i);
		if (!first)
			first = last;
	}
	if (!first)
		return false;
	*ret_calls = (struct history_calls){
	    .total = last->calls,
	    .recent = last->calls - first->calls,
	    .since_ms = first->time_ms,
	};
	return true;
}

void history_note_snat(struct history *history, const struct history_snat *snat)
{
	history->has_snat = true;
	history->snat = *snat;
}

bool history_find_snat(const struct history *history, int64_t now_ms, struct history_snat *ret_snat)
{
	const int64_t age = now_ms - history->snat.time_ms;

	/* One of later than now is of before somebody set the clock back. */
	if (!history->has_snat || age < 0 || age > HISTORY_SECONDS * INT64_C(1000))
		return false;
	*ret_snat = history->snat;
	return true;
}

static void write_names(struct json_writer *writer, const struct history *history)
{
	json_writer_open(writer, "destinations", '[');
	for (size_t i = 0; i < HISTORY_NAMES; i++) {
		const struct name *name = &history->names[i];

		if (name->samples == 0)
			continue;
		json_writer_open(writer, NULL, '{');
		json_writer_number(writer, "id", i);
		json_writer_string(writer, "source", name->source);
		json_writer_string(writer, "destination", name->destination);
		json_writer_number(writer, "destination_port", name->port);
		json_writer_close(writer, '}');
	}
	json_writer_close(writer, ']');
}

static void write_sample(struct json_writer *writer, const struct sample *sample)
{
	json_writer_open(writer, NULL, '{');
	json_writer_number(writer, "time_ms", (uint64_t)sample->time_ms);
	json_writer_number(writer, "usable_ports", sample->usable);
	if (sample->has_failures)
		json_writer_number(writer, "failures", sample->failures);
	json_writer_open(writer, "ports", '[');
	for (size_t i = 0; i < sample->length; i++) {
		json_writer_open(writer, NULL, '[');
		json_writer_number(writer, NULL, sample->names[i]);
		json_writer_number(writer, NULL, sample->used[i]);
		json_writer_close(writer, ']');
	}
	json_writer_close(writer, ']');
	json_writer_close(writer, '}');
}

void history_write(const struct history *history, int64_t now_ms, struct text *text)
{
	struct json_writer writer = {.text = *text, .is_first = true};

	json_writer_open(&writer, NULL, '{');
	json_writer_number(&writer, "seconds", HISTORY_SECONDS);
	json_writer_number(&writer, "now_ms", (uint64_t)now_ms);
	write_names(&writer, history);
	json_writer_open(&writer, "samples", '[');
	for (size_t i = count_old(history, now_ms); i < history->length; i++)
		write_sample(&writer, at(history, i));
	json_writer_close(&writer, ']');
	json_writer_close(&writer, '}');
	*text = writer.text;
}
