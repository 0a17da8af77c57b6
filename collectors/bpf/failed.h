/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_FAILED_H
#define EPHEMERA_BPF_FAILED_H

/*
 * The failures of other network namespaces than the one that is watched, by destination and by
 * cgroup: the memory that failed.bpf.h writes and collectors/tables/failed_tally.c reads.
 */

#include "collectors/bpf/elsewhere.h"

/* As struct tally_key, and the namespace's id: no other one has the key. */
struct failed_key {
	__u64 words[4];
};

/*
 * state: a version, and below it the count, so that one exchange counts only as long as the place
 * is the key's. If a reader finds the same even version before and after it reads the key, the
 * count belongs to it. The version is odd while the key is written; 0: free.
 */
struct failed {
	__u64 state;
	struct failed_key key;
	__u64 used; /* when the bucket's clock was last set from here */
};

#define FAILED_VERSION (1ull << 40)

/*
 * All of a namespace are in one bucket, which few namespaces share: where many destinations fail,
 * the others keep their places. Where all places have other keys, the one that was not used for
 * longest gives way.
 */
#define FAILED_DESTINATIONS 16 /* a power of two, as are the next two */
#define FAILED_OWNERS 8
#define FAILED_ORDER 9
#define FAILED_BUCKETS (1 << FAILED_ORDER)

struct failed_bucket {
	__u64 clock;
	struct failed destinations[FAILED_DESTINATIONS];
	struct failed owners[FAILED_OWNERS];
};

static inline __u32 failed_bucket(__u32 id)
{
	return elsewhere_spread(id, FAILED_ORDER);
}

#endif
