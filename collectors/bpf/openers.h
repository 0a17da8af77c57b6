/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_OPENERS_H
#define EPHEMERA_BPF_OPENERS_H

/* The memory that openers.bpf.h writes and collectors/tables/opener_top.c reads. */

#include "collectors/bpf/exhaustion.h"

/* A destination as in struct tally_key, and the id of the cgroup that opens connections to it. */
struct opener_key {
	__u64 words[4];
};

/*
 * What a cgroup did towards a destination. If a reader finds the same even version before and after
 * it reads the rest, the counts belong to the key. A version that has changed since an earlier look
 * means another key.
 */
struct opener {
	__u64 version; /* odd while the key is written; 0: free */
	struct opener_key key;
	struct lease_counts counts;
	__u64 used; /* when the bucket's clock was last set from here */
};

/* Where all places have other keys, the one that was not used for longest gives way. */
#define OPENERS_BESIDE 8
#define OPENERS_BUCKETS 512 /* a power of two */
#define OPENERS 4096	    /* OPENERS_BESIDE times OPENERS_BUCKETS */

struct openers {
	__u64 clock;
	struct opener list[OPENERS_BESIDE];
};

#endif
