// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The walk as it is, but for one fault, that FAULT names. What the program calls for each socket is
 * given another meaning before the program is included.
 */
#include "collectors/bpf/walk_record.bpf.h"

enum fault {
	NONE,
	COUNTS_NOTHING,
	COUNTS_TWICE,
	SKIPS_A_BUCKET,
	SKIPS_CONNECTIONS, /* a bucket of theirs alone */
};

/* The first bucket of each walk that has a socket of ours. Not in .bss, which has its own order. */
struct {
	__u64 serial;
	__u32 bucket;
} skipped SEC(".data.skipped");

static __always_inline bool is_left_out(__u32 bucket)
{
	if (FAULT != SKIPS_A_BUCKET &&
	    (FAULT != SKIPS_CONNECTIONS || state.table != WALK_CONNECTED))
		return false;
	if (skipped.serial != state.serial) {
		skipped.serial = state.serial;
		skipped.bucket = bucket;
	}
	return skipped.bucket == bucket;
}

#define BREAK(add, at, seen, bucket)                                \
	do {                                                        \
		if (FAULT == COUNTS_NOTHING || is_left_out(bucket)) \
			break;                                      \
		add(at, seen);                                      \
		if (FAULT == COUNTS_TWICE)                          \
			add(at, seen);                              \
	} while (0)

/* A macro does not expand itself. */
#define add_connected(at, seen) BREAK(add_connected, at, seen, ((seen)->hash) & state.mask)
#define add_listener(at, seen) BREAK(add_listener, at, seen, state.bucket)
#define add_owned(at, seen) BREAK(add_owned, at, seen, state.bucket)

#include "collectors/bpf/walk.bpf.c"
