// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/token_bucket.h"

#include "collectors/kernel/clock.h"

double token_bucket_take(struct token_bucket *bucket, double size, double interval)
{
	if (bucket->used) {
		bucket->missing -= clock_seconds_since(&bucket->when) / interval;
		if (bucket->missing < 0)
			bucket->missing = 0;
	}
	bucket->when = clock_now();
	bucket->used = true;
	if (bucket->missing + 1 > size)
		return (bucket->missing + 1 - size) * interval;
	bucket->missing++;
	return 0;
}
