/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TOKEN_BUCKET_H
#define EPHEMERA_TOKEN_BUCKET_H

/*
 * A token bucket: it allows a burst of so many, and then one for each new token. Zero-initialised,
 * it is full. The caller does the locking.
 */

#include <stdbool.h>
#include <time.h>

struct token_bucket {
	bool used;
	double missing; /* tokens that it was short of full, at the time `when` */
	struct timespec when;
};

/*
 * Takes a token from a bucket that holds `size` tokens (at least 1) and gains one each `interval`
 * seconds. Returns 0; or, if there is none, the seconds until there is one.
 */
double token_bucket_take(struct token_bucket *bucket, double size, double interval);

#endif
