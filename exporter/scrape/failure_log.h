/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAILURE_LOG_H
#define EPHEMERA_FAILURE_LOG_H

/*
 * The last failures, each with a number, as a stream of server-sent events (WHATWG HTML,
 * "Server-sent events"): who names the last one that it has got gets those after it, and none
 * twice. A ring of fixed size. Only one thread at a time may use it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exporter/base/text.h"

#define FAILURE_LOG_LENGTH 256

/* As in "id: 1767225600250-13". */
struct failure_id {
	uint64_t epoch; /* of the log: when it began, in ms since 1970 */
	uint64_t number;
};

struct failure_log;

/* NULL: out of memory. */
struct failure_log *failure_log_new(void);
void failure_log_free(struct failure_log *log); /* NULL is fine */

/* Adds an event with that JSON, which is one line, and empties it. If memory ran out, none. */
void failure_log_add(struct failure_log *log, struct text *json);

/* The number of the last one; 0: there was none. */
uint64_t failure_log_last(const struct failure_log *log);

/* The number of the last event that a client has which names this id; 0 if it is of another log. */
uint64_t failure_log_after(const struct failure_log *log, const struct failure_id *id);

/* Reads what follows "id: ". Returns whether it is one. */
bool failure_id_read(const char *text, struct failure_id *ret_id);

/* Adds the events after that number to text. If there is none, a comment, with an id to go on from.
 */
void failure_log_write(const struct failure_log *log, uint64_t after, struct text *text);

#endif
