/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONNTRACK_STATS_H
#define EPHEMERA_CONNTRACK_STATS_H

/*
 * The table of connection tracking as a whole, of the reader's network namespace. Everyone may read
 * these files: PROCFS/net/stat/nf_conntrack has a line of names, and one of hexadecimal numbers for
 * each processor (ct_cpu_seq_show() in net/netfilter/nf_conntrack_standalone.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conntrack_counter {
	const char *name; /* of its column, such as "insert_failed" */
	bool found;	  /* set by conntrack_stats_parse() */
	uint64_t value;	  /* the sum of all processors */
};

/*
 * Looks up all counters in text, which ends in NUL. A missing column is no error. Returns 0; or
 * -EBADMSG if a line has fewer numbers than there are names, or something else than numbers.
 */
int conntrack_stats_parse(char *text, struct conntrack_counter *counters, size_t count);

/* The same for the file; also the -errno of open() and read(), and -ENOMEM. */
int conntrack_stats_read(const char *procfs, struct conntrack_counter *counters, size_t count);

#endif
