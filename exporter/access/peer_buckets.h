/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PEER_BUCKETS_H
#define EPHEMERA_PEER_BUCKETS_H

/*
 * A token bucket for each peer. A full one is as good as none, so only those that are not full are
 * kept. Zero-initialised, there are none. The caller does the locking.
 */

#include <stddef.h>

#include "exporter/access/peer.h"
#include "exporter/base/token_bucket.h"

/* An attacker can have any number of addresses; this bounds the memory and the search. */
#define PEER_BUCKETS_MAX 1024

struct peer_buckets {
	size_t length;
	struct peer_bucket {
		struct peer peer;
		struct token_bucket bucket;
	} list[PEER_BUCKETS_MAX];
};

/*
 * The peer's bucket, a full one if it had none; forgets the others that are full by now. Take a
 * token from it before the next call. Each gains a token every `interval` seconds. NULL: so many
 * other peers have one that there is no room. The result is valid until the next call.
 */
struct token_bucket *peer_buckets_find(
    struct peer_buckets *buckets, const struct peer *peer, double interval);

/* A rate that peers share. */
struct fair_rate {
	struct token_bucket all;
	struct peer_buckets peers;
};

/*
 * Whether the rate, a burst and then one every `interval` seconds, allows the peer's request, which
 * then counts. It is refused only if the bucket of all is empty and the peer has taken its share:
 * burst and rate divided by the number of peers whose buckets are not full, at least one request.
 * What a peer takes of its share while the bucket of all is empty, that bucket owes, so that the
 * rate of all stays what it is. burst is at least 1.
 */
bool fair_rate_take(struct fair_rate *rate, const struct peer *peer, double burst, double interval);

#endif
