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
	struct lease_counts counts;
	__u64 used; /* when the bucket's clock was last set from here */
};

/* Where all places have other namespaces, the one that was not used for longest gives way. */
#define ELSEWHERE_BESIDE 8
#define ELSEWHERE_ORDER 10
#define ELSEWHERE_BUCKETS (1 << ELSEWHERE_ORDER)

struct elsewhere_bucket {
	__u64 clock;
	struct elsewhere list[ELSEWHERE_BESIDE];
};

/*
 * The place of an id among 1 << order. Each processor gives 4,096 consecutive ids
 * (COOKIE_LOCAL_BATCH, include/linux/cookie.h), so the lowest bits of many are the same.
 */
static inline __u32 elsewhere_spread(__u32 id, __u32 order)
{
	return id * 0x9e3779b1u >> (32 - order);
}

static inline __u32 elsewhere_bucket(__u32 id)
{
	return elsewhere_spread(id, ELSEWHERE_ORDER);
}

#endif
