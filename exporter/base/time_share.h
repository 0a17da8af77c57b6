/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TIME_SHARE_H
#define EPHEMERA_TIME_SHARE_H

/*
 * Bounds the time that a kind of work takes: a share of all the time, after a burst that it may
 * take at once. Zero-initialised, nothing was spent.
 */

#include <stdbool.h>
#include <time.h>

struct time_share {
	bool used;
	double spent; /* seconds that are not made up for yet, at the time `when` */
	struct timespec when;
};

/*
 * Whether there is time for more work: less than `burst` seconds are spent. Of each second that
 * passes, `share` is made up for. What is begun may take longer than what is left.
 */
bool time_share_allows(struct time_share *time_share, double share, double burst);

/* The work took that many seconds. */
void time_share_spend(struct time_share *time_share, double seconds);

#endif
