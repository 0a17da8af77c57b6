/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_POOL_ROWS_H
#define EPHEMERA_POOL_ROWS_H

/*
 * The pools of bind(0) and of UDP for people, and the owners of UDP's ports: from the collectors
 * addresses and owners with their default limits.
 */

#include "collectors/kernel/source.h"
#include "collectors/metric.h"

struct pool_row {
	const char *protocol; /* "tcp" or "udp" */
	const char *address;  /* "0.0.0.0" and "::": taken on any address */
	unsigned ports;
};

struct pool_owner {
	const char *cgroup;
	const char *pod_uid;	  /* "" if the cgroup is not a pod's */
	const char *container_id; /* "" if it is not a container's */
	unsigned ports;
};

struct pool_rows {
	struct metric_set *set; /* owns the strings */
	size_t length;
	struct pool_row *list; /* those with a port, by protocol; wildcards, then the fullest */
	size_t owners_length;
	struct pool_owner *udp_owners; /* the most first */
};

/*
 * Looks at the namespace. sysfs: see struct collector_config. Leaves out what the source or the
 * host does not show. Returns 0 or -errno; the caller frees the rows with pool_rows_free().
 */
int pool_rows_read(
    const struct source_options *source, const char *sysfs, struct pool_rows **ret_rows);
void pool_rows_free(struct pool_rows *rows); /* NULL is fine */

#endif
