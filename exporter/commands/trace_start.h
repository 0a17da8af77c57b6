/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_START_H
#define EPHEMERA_TRACE_START_H

/* What `ephemera trace` says before it has seen anything. */

#include <stdbool.h>

struct trace_start {
	bool everywhere;   /* every network namespace is followed */
	bool has_no_binds; /* the kernel shows only connect() */
	bool folds;	   /* what is alike is counted */
	bool is_part;	   /* some calls are left out */
	const char
	    *no_packets; /* why lost packets are not followed; NULL: they are, or need not be */
};

/* Prints to standard output, for people. Returns 0 or -errno. */
int trace_start_print(const struct trace_start *start);

#endif
