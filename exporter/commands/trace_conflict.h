/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_CONFLICT_H
#define EPHEMERA_TRACE_CONFLICT_H

/* What `ephemera trace` says about a bind() that was refused its port. */

#include "exporter/base/json.h"
#include "exporter/base/text.h"
#include "exporter/commands/trace_print.h"

/* "bind" or "listen". */
const char *trace_conflict_call(const struct exhausted_event *event);

/*
 * Adds "bind 46580: Address already in use, held by ...", and for what it asked. local: the address
 * that it asked for, printable.
 */
void trace_conflict_add_text(struct text *text, const struct traced *traced, const char *local);

/* Adds the port and its holder to the object of the event. */
void trace_conflict_add_json(struct json *object, const struct traced *traced);

/* The same of the summary: how many, and of which ports. Prints nothing if there are none. */
void trace_conflict_print_sum(const struct traced_sum *sum);
void trace_conflict_add_sum(struct json *object, const struct traced_sum *sum);

#endif
