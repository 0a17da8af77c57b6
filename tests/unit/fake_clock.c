// SPDX-License-Identifier: Apache-2.0
#include "fake_clock.h"

#include <time.h>

double now_seconds;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	(void)clock;
	ret_time->tv_sec = (time_t)now_seconds;
	ret_time->tv_nsec = (long)((now_seconds - (double)ret_time->tv_sec) * 1e9);
	return 0;
}
