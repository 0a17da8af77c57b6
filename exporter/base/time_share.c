// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/time_share.h"

#include "collectors/kernel/clock.h"

bool time_share_allows(struct time_share *time_share, double share, double burst)
{
	if (time_share->used) {
		time_share->spent -= share * clock_seconds_since(&time_share->when);
		if (time_share->spent < 0)
			time_share->spent = 0;
	}
	time_share->when = clock_now();
	time_share->used = true;
	return time_share->spent < burst;
}

void time_share_spend(struct time_share *time_share, double seconds)
{
	time_share->spent += seconds;
}
