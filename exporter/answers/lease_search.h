/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_SEARCH_H
#define EPHEMERA_LEASE_SEARCH_H

/*
 * Finds in the lines of `ephemera trace --leases --json` who had a port at a time. Lines may be of
 * anything: those that are no lease are counted. Memory is bounded: one line, and as many leases as
 * the limit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/portset.h"
#include "exporter/answers/lease.h"
#include "exporter/base/moment.h"

/* A longer line is skipped. */
#define LEASE_LINE_MAX 65536

struct lease_search_options {
	struct portset ports; /* local ports */
	struct moment_span at;
	size_t limit; /* how many leases are kept */
};

/* What was lost while the lines were written; see struct lease_probe_losses. */
struct lease_lost {
	uint64_t leases;
	uint64_t untracked;
	uint64_t missed;
};

struct lease_answer {
	const struct lease *const *list; /* those that had it then, by their begin */
	size_t length;
	uint64_t others;	    /* that had it, too, beyond the limit */
	const struct lease *before; /* the last one that had it before; NULL: none */
	const struct lease *after;  /* the first one that had it after; NULL: none */
	uint64_t leases;	    /* all lines that are one */
	uint64_t skipped;	    /* lines that a trace did not write */
	bool has_lines;		    /* some line is of a trace; else the next two say nothing */
	int64_t first;		    /* the earliest and the latest time that a line was written */
	int64_t last;
	/* The run of the trace at that time: a connection that was open before or after is missing.
	 */
	bool has_start;
	int64_t start;
	bool has_stop;
	int64_t stop;
	struct lease_lost lost;
};

struct lease_search;

/* NULL: no memory. */
struct lease_search *lease_search_new(const struct lease_search_options *options);
void lease_search_free(struct lease_search *search); /* NULL is fine */

/* Takes the next bytes of the lines. Returns 0 or -ENOMEM. */
int lease_search_feed(struct lease_search *search, const char *bytes, size_t length);

/*
 * Call it once, after the last bytes. ret_answer is valid as long as the search. Returns 0 or
 * -ENOMEM.
 */
int lease_search_finish(struct lease_search *search, struct lease_answer *ret_answer);

/* Whether it had the port then only in TIME_WAIT. */
bool lease_was_in_time_wait(const struct lease *lease, const struct moment_span *at);

#endif
