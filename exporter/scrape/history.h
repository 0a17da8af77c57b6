/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HISTORY_H
#define EPHEMERA_HISTORY_H

/*
 * The fullest destinations of the last 15 minutes, as scrapes and requests found them: a ring of
 * fixed size, in memory alone. What nobody asked for is not sampled, and is a gap. Only the thread
 * that scrapes uses it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/socket.h"
#include "exporter/base/text.h"

#define HISTORY_SECONDS 900
#define HISTORY_DESTINATIONS 8 /* of a sample: the fullest */
#define HISTORY_NAMES 64       /* of all samples; a destination beyond these is left out */

struct history;

struct history_destination {
	char source[SOCKET_ADDRESS_TEXT];
	char destination[SOCKET_ADDRESS_TEXT];
	uint16_t port;
	unsigned used; /* ports that no connect() to it can have */
};

struct history_look {
	int64_t time_ms; /* since 1970 */
	unsigned usable; /* ports that each destination can have */
	bool has_failures;
	uint64_t failures; /* connect() calls that found no port since the exporter's start */
	uint64_t calls;	   /* these, and those that bind(), or UDP, found none for */
	size_t length;	   /* at most HISTORY_DESTINATIONS */
	struct history_destination list[HISTORY_DESTINATIONS];
};

/* The fullest pool of source NAT, as the last scrape of the collector snat found it. */
struct history_snat {
	int64_t time_ms; /* of that scrape, since 1970 */
	unsigned ports;	 /* that each pool can have */
	bool has_pool;	 /* false: none is full enough to be shown, and the rest is empty */
	char protocol[8];
	unsigned zone; /* of connection tracking; 0: the default one */
	struct history_destination pool;
};

/* NULL: out of memory. */
struct history *history_new(void);
void history_free(struct history *history); /* NULL is fine */

/*
 * Notes a look. Leaves it out if the last one is less than a second older, or has a later time:
 * then somebody set the clock back, and what was noted before is forgotten.
 */
void history_note(struct history *history, const struct history_look *look);

/* The time for looks: of CLOCK_REALTIME, in ms. */
int64_t history_now(void);

/* How many samples are not older than HISTORY_SECONDS at that time. */
size_t history_length(const struct history *history, int64_t now_ms);

/* Calls that found no port. */
struct history_calls {
	uint64_t total;	  /* since the exporter's start */
	uint64_t recent;  /* between the first sample and the last one that counted them */
	int64_t since_ms; /* the time of that first sample, since 1970 */
};

/*
 * What the samples say that are not older than HISTORY_SECONDS at that time. Returns false if none
 * of them counted the calls that failed.
 */
bool history_find_calls(
    const struct history *history, int64_t now_ms, struct history_calls *ret_calls);

/* Keeps the last one only. */
void history_note_snat(struct history *history, const struct history_snat *snat);

/* Returns false if there is none, or if it is older than HISTORY_SECONDS at that time. */
bool history_find_snat(
    const struct history *history, int64_t now_ms, struct history_snat *ret_snat);

/* Adds it to text as a JSON object: see /api/v1/history in docs/openapi.yaml. */
void history_write(const struct history *history, int64_t now_ms, struct text *text);

#endif
