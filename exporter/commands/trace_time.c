// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_time.h"

#include "collectors/kernel/clock.h"

uint64_t trace_now_ns(void)
{
	const struct timespec now = clock_now();

	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct timespec trace_time_of(uint64_t time_ns)
{
	const int64_t age = (int64_t)(trace_now_ns() - time_ns);
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);

	const int64_t then = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec - age;

	return (struct timespec){then / 1000000000, then % 1000000000};
}
