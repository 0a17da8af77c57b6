/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TOP_LOOK_H
#define EPHEMERA_TOP_LOOK_H

/* What `ephemera top` looks at: the sockets again and again, and failures as they happen. */

#include "exporter/answers/top_rows.h"
#include "exporter/commands/options.h"

#define TOP_LINE 256

struct top_look;

/* What is looked at: destinations of this network namespace, all namespaces, or one of them. */
enum top_view { TOP_OWN, TOP_NAMESPACES, TOP_ONE };

/*
 * Opens what is permitted; failures are not seen without CAP_BPF and CAP_PERFMON. Returns 0 or
 * -errno. The caller closes it with top_look_close().
 */
int top_look_open(struct options *options, struct top_look **ret_look);
void top_look_close(struct top_look *look); /* NULL is fine */

/*
 * Looks once. namespace_id: of TOP_ONE. Returns 0 or -errno; -ENODATA: all namespaces cannot be
 * seen, or that one is gone, and top_look_reason() says so. The caller frees the rows with
 * top_rows_free().
 */
int top_look_now(
    struct top_look *look, enum top_view view, uint32_t namespace_id, struct top_rows *ret_rows);
const char *top_look_reason(const struct top_look *look);

/* One line about what was looked at last: the range, and what holds its ports. */
void top_look_summarize(const struct top_look *look, char text[static TOP_LINE]);

/*
 * Takes the failures since the last call, and says in a line how many there were, and the last.
 * They are of the namespace of TOP_OWN, and the line says so if another view is shown.
 */
void top_look_failures(struct top_look *look, enum top_view view, char text[static TOP_LINE]);

#endif
