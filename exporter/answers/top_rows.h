/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TOP_ROWS_H
#define EPHEMERA_TOP_ROWS_H

/*
 * The rows of `ephemera top`: destinations, or network namespaces. A list is a look; from one look
 * to the next, each row gets its change a second.
 */

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "collectors/views/destination_rows.h"
#include "collectors/views/namespace_rows.h"

struct top_row {
	char *name;	       /* a destination, or a namespace */
	char *from;	       /* a source address; or of a namespace, its fullest destination */
	char *owner;	       /* whole: a cgroup's path; "": unknown */
	uint32_t namespace_id; /* of a namespace: see struct walk_namespace */
	unsigned long owner_ports;
	unsigned used;
	unsigned usable; /* ports that it can have */
	unsigned long active;
	unsigned long time_wait;
	double rate; /* used ports a second, smoothed over some seconds */
	bool has_rate;
};

struct top_rows {
	struct timespec looked; /* CLOCK_MONOTONIC */
	bool are_namespaces;
	unsigned long others; /* that are not in the list */
	size_t length;
	struct top_row *list;
};

enum top_sort { TOP_BY_SHARE, TOP_BY_CHANGE, TOP_BY_ACTIVE, TOP_BY_TIME_WAIT, TOP_SORTS };

/* "share", "change", "active", "TIME_WAIT" */
const char *top_sort_name(enum top_sort sort);

/* Both copy what they show. Return 0 or -ENOMEM; the caller frees the list with top_rows_free(). */
int top_rows_of_destinations(
    const struct destination_rows *rows, const struct timespec *now, struct top_rows *ret_rows);
int top_rows_of_namespaces(
    const struct namespace_rows *rows, const struct timespec *now, struct top_rows *ret_rows);
void top_rows_free(struct top_rows *rows);

/* Sets the rates of rows from an earlier look. Both lists end sorted by name. */
void top_rows_compare(struct top_rows *rows, struct top_rows *earlier);

/* The order of rows with equal values is that of their names. */
void top_rows_sort(struct top_rows *rows, enum top_sort sort);

/* Whether the name, the source or the owner has filter in it; "" fits all. Case does not count. */
bool top_row_matches(const struct top_row *row, const char *filter);

/* The share of the ports that the row can have. 1 if it can have none. */
double top_row_share(const struct top_row *row);

/*
 * Seconds until no port is left, if it goes on like this. 0: none is left. Negative: it does not
 * grow, or this is not known.
 */
double top_row_seconds_left(const struct top_row *row);

#endif
