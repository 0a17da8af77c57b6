/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_POOL_ROWS_H
#define EPHEMERA_POOL_ROWS_H

/*
 * The pools of bind(0) and of UDP for people, and who holds UDP's ports: what the collectors
 * addresses and owners say with the limits that are theirs by default.
 */

#include "collectors/kernel/source.h"
#include "collectors/metric.h"

struct pool_row {
	const char *protocol; /* "tcp" or "udp" */
	const char *address;  /* "0.0.0.0" and "::": taken on whatever address */
	unsigned ports;
};

struct pool_owner {
	const char *cgroup;
	const char *pod_uid;	  /* "" where the cgroup is not a pod's, */
	const char *container_id; /* or not a container's */
	unsigned ports;
};

struct pool_rows {
	struct metric_set *set; /* what the texts belong to */
	size_t length;
	struct pool_row *list; /* those with a port, by protocol; wildcards, then the fullest */
	size_t owners_length;
	struct pool_owner *udp_owners; /* the most first */
};

/*
 * Looks at the namespace. sysfs as in struct collector_config. What the source or the host cannot
 * tell is left out. Returns 0 or -errno; the caller frees the rows with pool_rows_free().
 */
int pool_rows_read(
    const struct source_options *source, const char *sysfs, struct pool_rows **ret_rows);
void pool_rows_free(struct pool_rows *rows); /* NULL is fine */

#endif
