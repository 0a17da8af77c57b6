/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TOKEN_BUCKET_H
#define EPHEMERA_TOKEN_BUCKET_H

/*
 * A token bucket: so many things in a row, and after that one each time that a token has
 * dropped in. Zero-initialised it is full. The caller sees to locking.
 */

#include <stdbool.h>
#include <time.h>

struct bucket {
	bool used;
	double missing; /* tokens that it lacks to be full, at that time: */
	struct timespec when;
};

/*
 * Takes a token out of a bucket of size tokens (at least 1) into which one drops each interval
 * seconds. Returns 0; or, where there is none, in how many seconds there will be one.
 */
double bucket_take(struct bucket *bucket, double size, double interval);

#endif
