/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_ROWS_H
#define EPHEMERA_DESTINATION_ROWS_H

/*
 * The fullest destinations for people, with the owner of most of their ports. It needs two
 * gatherings: owners are counted only for the destinations that the first one found.
 */

#include "collectors/collector.h"
#include "collectors/tables/bound_owners.h"
#include "collectors/tables/destination_table.h"

struct destination_row {
	struct destination destination;
	char *owner; /* the path of the cgroup that has most of its ports; NULL: unknown */
	uint64_t owner_id;
	unsigned owner_ports; /* 0: no port of it has an owner */
};

struct destination_rows {
	struct settings settings;
	unsigned capacity;
	unsigned long destinations; /* all, shown or not */
	unsigned long ports;	    /* of all of them */
	bool has_owners;	    /* the second gathering was made */
	bool lacks_cgroups;	    /* there is no cgroup v2, so no owners */
	bool sees_buckets;	    /* see struct holders */
	bool sees_reuse; /* it is known which TIME_WAIT is reusable; else none counts as such */
	struct bound_owned bound; /* the ports that all destinations have lost, and their owners */
	enum source_kind source;  /* the source of TCP; AUTO: sock_diag */
	size_t length;
	struct destination_row list[]; /* the fullest first */
};

/*
 * Looks at the namespace. limit: maximum rows, up to 1,000. source: see struct source_options, also
 * for a replay. Returns 0 or -errno; the caller frees the rows with destination_rows_free().
 */
int destination_rows_read(const struct source_options *source, const char *sysfs, size_t limit,
    struct destination_rows **ret_rows);
void destination_rows_free(struct destination_rows *rows); /* NULL is fine */

/*
 * The first gathering as a collector, in no registry. config's only value is the limit. The
 * collector owns the rows that it found last, until the next walk; NULL before the first.
 */
extern const struct collector destination_finder;
struct destination_rows *destination_rows_found(void *state);

/* Makes the second gathering for rows. Returns 0 or -errno. */
int destination_rows_add_owners(
    const struct source_options *source, const char *sysfs, struct destination_rows *rows);

/* Its last step: finds the path of each row's owner. Returns 0 or -ENOMEM. */
int destination_rows_name_owners(const char *sysfs, struct destination_rows *rows);

#endif
