// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/token_bucket.h"

#include "collectors/kernel/clock.h"

double token_bucket_missing(const struct token_bucket *bucket, double interval)
{
	if (!bucket->used)
		return 0;

	const double missing = bucket->missing - clock_seconds_since(&bucket->when) / interval;

	return missing < 0 ? 0 : missing;
}

double token_bucket_wait(const struct token_bucket *bucket, double size, double interval)
{
	const double beyond = token_bucket_missing(bucket, interval) + 1 - size;

	return beyond > 0 ? beyond * interval : 0;
}

void token_bucket_owe(struct token_bucket *bucket, double most, double interval)
{
	const double missing = token_bucket_missing(bucket, interval) + 1;

	bucket->missing = missing < most ? missing : most;
	bucket->when = clock_now();
	bucket->used = true;
}

double token_bucket_take(struct token_bucket *bucket, double size, double interval)
{
	const double seconds = token_bucket_wait(bucket, size, interval);

	if (seconds <= 0)
		token_bucket_owe(bucket, size, interval);
	return seconds;
}
