/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CLOCK_H
#define EPHEMERA_CLOCK_H

/* Times of CLOCK_MONOTONIC, which cannot be set. */

#include <stdbool.h>
#include <time.h>

static inline struct timespec clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

static inline double clock_seconds_since(const struct timespec *then)
{
	const struct timespec now = clock_now();

	return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static inline struct timespec clock_in(double seconds)
{
	struct timespec then = clock_now();

	then.tv_sec += (time_t)seconds;
	then.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	if (then.tv_nsec >= 1000000000L) {
		then.tv_nsec -= 1000000000L;
		then.tv_sec++;
	}
	return then;
}

static inline bool clock_is_past(const struct timespec *time, const struct timespec *now)
{
	return now->tv_sec > time->tv_sec ||
	       (now->tv_sec == time->tv_sec && now->tv_nsec >= time->tv_nsec);
}

#endif
