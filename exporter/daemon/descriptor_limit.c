// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/descriptor_limit.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>

long descriptor_limit_raise(unsigned long wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			return -errno;
	}
	return limit.rlim_cur < LONG_MAX ? (long)limit.rlim_cur : LONG_MAX;
}

unsigned descriptor_limit_fit(long limit, unsigned connections, unsigned others)
{
	if (limit <= (long)others)
		return 1;

	const long room = limit - (long)others;

	return room < (long)connections ? (unsigned)room : connections;
}
