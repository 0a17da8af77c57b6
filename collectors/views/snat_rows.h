/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_ROWS_H
#define EPHEMERA_SNAT_ROWS_H

/* The fullest pools of source NAT for people, counted as the collector snat counts them. */

#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/peer_filter.h"
#include "collectors/tables/snat_pools.h"

/* From this share on a pool is said to be nearly full. */
#define SNAT_NEARLY_FULL 0.9

struct snat_asked {
	struct snat_pools_options pools;
	const char *origin;		 /* of the range: see snat_range.h */
	const char *remark;		 /* likewise */
	const struct peer_filter *peers; /* the destinations that are asked for; NULL: all */
	size_t limit;			 /* maximum rows */
	size_t clients;			 /* maximum clients of a row */
};

struct snat_row {
	enum socket_protocol protocol;
	struct destination pool; /* see snat_pools.h; its owners mean nothing here */
	double share;		 /* of the range: without closing ports */
	double loss;		 /* the chance that a new connection finds no port, 0 to 1 */
	size_t clients_length;
	struct snat_client *clients; /* those with the most active ports, the most first */
};

struct snat_rows {
	struct port_range range;
	const char *origin;	   /* of the range: see snat_range.h */
	const char *remark;	   /* likewise */
	unsigned long pools;	   /* all that are asked for, shown or not */
	unsigned long others;	   /* pools that are not asked for */
	unsigned long ports;	   /* of the pools that are asked for, closing ones included */
	unsigned long untracked;   /* of pools beyond the limit of the options */
	unsigned long full;	   /* pools that are asked for and have no port left */
	unsigned long nearly_full; /* those that have not many: SNAT_NEARLY_FULL */
	size_t length;
	struct snat_row *list; /* the fullest first */
};

/*
 * Reads all entries of connection tracking. Returns 0, -ENOMEM, or as conntrack_walk(). The caller
 * frees the rows with snat_rows_free().
 */
int snat_rows_read(
    struct conntrack *conntrack, const struct snat_asked *asked, struct snat_rows **ret_rows);
void snat_rows_free(struct snat_rows *rows); /* NULL is fine */

#endif
