/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_ROWS_H
#define EPHEMERA_DESTINATION_ROWS_H

/* The fullest destinations for people, with the owners of their ports. */

#include "collectors/collector.h"
#include "collectors/tables/bound_owners.h"
#include "collectors/tables/destination_table.h"
#include "collectors/views/owner_filter.h"

struct destination_row {
	struct destination destination;
	/* Of the active ports, those of connections that no process has any more: */
	unsigned unacknowledged; /* FIN_WAIT1, CLOSING, LAST_ACK: our FIN has no answer */
	unsigned unanswered;	 /* FIN_WAIT2: the other side has not closed */
	struct owned owned; /* who has its active ports; without names before they are looked up */
	size_t shown_owner; /* the one that was asked for, else the one with the most; from 0 */
};

/* Which destinations are asked for; zero-initialised, all. */
struct destinations_asked {
	const struct peer_filter *peers; /* NULL: any */
	struct owner_filter *owners;	 /* of some of their active ports; NULL: any */
	uint32_t namespace_id;		 /* where all are looked at: only of this one; 0: any */
};

struct destination_rows {
	struct settings settings;
	unsigned capacity;
	unsigned long destinations; /* all that are asked for, shown or not */
	unsigned long ports;	    /* of all of them */
	unsigned long reusable;	    /* of these, those that a further connect() can get */
	unsigned long others;	    /* destinations that are not asked for */
	unsigned long unsearched;   /* those of which nobody knows whose they are: too many */
	bool has_names;		    /* destination_rows_name_owners() was called */
	bool lacks_cgroups;	    /* there is no cgroup v2, so no owners */
	bool sees_buckets;	    /* see struct holders */
	bool sees_reuse; /* it is known which TIME_WAIT is reusable; else none counts as such */
	struct bound_owned bound; /* the ports that all destinations have lost, and their owners */
	enum source_kind source;  /* the source of TCP; AUTO: sock_diag */
	size_t length;
	struct destination_row list[]; /* the fullest first */
};

/*
 * Looks at the namespace. limit: maximum rows, up to 1,000; if owners are asked for, there may be
 * 1,000 all the same. source: see struct source_options, also for a replay. Returns 0 or -errno;
 * the caller frees the rows with destination_rows_free().
 */
int destination_rows_read(const struct source_options *source, const char *sysfs,
    const struct destinations_asked *asked, size_t limit, struct destination_rows **ret_rows);
void destination_rows_free(struct destination_rows *rows); /* NULL is fine */

/*
 * The collector that finds them, in no registry. config's only value is the limit. The collector
 * owns the rows that it found last, until the next walk; NULL before the first.
 */
extern const struct collector destination_finder;
struct destination_rows *destination_rows_found(void *state);

/*
 * A gatherer with that collector alone, at 0, for up to 1,000 rows, and as many looks as are asked
 * for. What the arguments point to must outlive it. Returns as gatherer_open().
 */
struct gatherer;
int destination_finder_open(const struct source_options *source, const char *sysfs,
    const struct peer_filter *peers, struct gatherer **ret_finder);

/* The same, and they belong to the caller. */
struct destination_rows *destination_rows_take(void *state);

/*
 * Finds the names of the owners, if that is not done. destination_rows_read() has done it. Returns
 * 0 or -errno.
 */
int destination_rows_name_owners(struct cgroups *cgroups, struct destination_rows *rows);

/*
 * Drops the rows without a port of these owners; call it after the former, and
 * owner_filter_begin(). Only the rows are searched: unsearched says how many destinations have
 * none.
 */
void destination_rows_keep_owned(struct destination_rows *rows, const struct owner_filter *owners);

/* A look of so many rows lets owners be found among them. */
#define DESTINATION_ROWS_MAX 1000ul

#endif
