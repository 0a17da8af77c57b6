/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_ELSEWHERE_H
#define EPHEMERA_BPF_ELSEWHERE_H

/* What exhaustion.bpf.c counts of other network namespaces than the one that it watches. */

#include "collectors/bpf/exhaustion.h"

/*
 * Of one namespace. If a reader finds the same even version before and after it reads the rest, the
 * counts belong to the id. They begin at 0 when a namespace gets the place.
 */
struct elsewhere {
	__u64 version; /* odd while the id is written; 0: free */
	__u64 id;      /* as struct walk_namespace */
	__u64 failures[EXHAUSTED_CALLS][EXHAUSTED_FAMILIES];
	__u64 opens;   /* connect() calls that got a port */
	__u64 leases;  /* of these, connections that ended */
	__u64 held_ns; /* how long they held their ports, as in struct lease_histogram */
	__u64 used;    /* when the bucket's clock was last set from here */
};

/* Where all places have other namespaces, the one that was not used for longest gives way. */
#define ELSEWHERE_BESIDE 8
#define ELSEWHERE_BUCKETS 1024 /* a power of two */

struct elsewhere_bucket {
	__u64 clock;
	struct elsewhere list[ELSEWHERE_BESIDE];
};

/* Ids are consecutive, or nearly. */
static inline __u32 elsewhere_bucket(__u32 id)
{
	return id & (ELSEWHERE_BUCKETS - 1);
}

#endif
