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

/* What token_bucket_take() would return, without taking a token. */
double token_bucket_wait(const struct token_bucket *bucket, double size, double interval);

/* Tokens that the bucket is short of full. */
double token_bucket_missing(const struct token_bucket *bucket, double interval);

/*
 * Takes a token even if there is none, so that later ones have to wait for longer. The bucket is
 * never short of more than `most`.
 */
void token_bucket_owe(struct token_bucket *bucket, double most, double interval);

#endif
