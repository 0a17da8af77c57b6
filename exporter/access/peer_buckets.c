// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/peer_buckets.h"

#include <math.h>

struct token_bucket *peer_buckets_find(
    struct peer_buckets *buckets, const struct peer *peer, double interval)
{
	struct token_bucket *found = NULL;

	for (size_t i = 0; i < buckets->length;) {
		struct peer_bucket *one = &buckets->list[i];

		if (peer_is_same(&one->peer, peer)) {
			found = &one->bucket;
		} else if (token_bucket_missing(&one->bucket, interval) <= 0) {
			*one = buckets->list[--buckets->length];
			continue;
		}
		i++;
	}
	if (found || buckets->length == PEER_BUCKETS_MAX)
		return found;
	buckets->list[buckets->length] = (struct peer_bucket){.peer = *peer};
	return &buckets->list[buckets->length++].bucket;
}

bool fair_rate_take(struct fair_rate *rate, const struct peer *peer, double burst, double interval)
{
	const double before = fmax((double)rate->peers.length, 1);
	struct token_bucket *own = peer_buckets_find(&rate->peers, peer, interval * before);
	const double peers = (double)rate->peers.length;
	const double share = fmax(burst / peers, 1);

	if (token_bucket_wait(&rate->all, burst, interval) > 0 &&
	    (!own || token_bucket_wait(own, share, interval * peers) > 0))
		return false;
	token_bucket_owe(&rate->all, INFINITY, interval);
	if (own)
		token_bucket_owe(own, share, interval * peers);
	return true;
}
