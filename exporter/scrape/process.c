// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/process.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/procfs.h"

#define STAT_LIMIT 4096

/* proc(5): fields of /proc/self/stat that follow the command's closing parenthesis. */
static int read_stat(double *ret_start_ticks, double *ret_virtual, double *ret_resident)
{
	char text[STAT_LIMIT + 2];
	size_t length;
	unsigned long long start;
	unsigned long virtual;
	long resident;
	const int result = procfs_read_into("/proc/self", "stat", STAT_LIMIT, text, &length);

	if (result < 0)
		return result;

	const char *end = strrchr(text, ')');

	if (!end ||
	    sscanf(end + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		"%llu %lu %ld",
		&start, &virtual, &resident) != 3)
		return -EBADMSG;
	*ret_start_ticks = (double)start;
	*ret_virtual = (double)virtual;
	*ret_resident = (double)resident * (double)sysconf(_SC_PAGESIZE);
	return 0;
}

static double count_fds(void)
{
	double count = 0;
	DIR *directory = opendir("/proc/self/fd");

	if (!directory)
		return NAN;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): each thread has a stream of its own */
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 3; /* ".", ".." and the directory's own descriptor */
}

static double clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int process_read(double ret_values[PROCESS_FIGURES])
{
	struct rlimit limit;
	double start_ticks;
	double virtual;
	double resident;
	const int result = read_stat(&start_ticks, &virtual, &resident);

	if (result < 0)
		return result;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	ret_values[PROCESS_CPU_SECONDS] = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	ret_values[PROCESS_OPEN_FDS] = count_fds();
	ret_values[PROCESS_MAX_FDS] =
	    limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
	ret_values[PROCESS_VIRTUAL_BYTES] = virtual;
	ret_values[PROCESS_RESIDENT_BYTES] = resident;
	/* The start and CLOCK_BOOTTIME both count from boot. Rounded, so that two scrapes do
	 * not differ and look like a restart. */
	ret_values[PROCESS_START_SECONDS] =
	    round((clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) +
		      start_ticks / (double)sysconf(_SC_CLK_TCK)) *
		  10) /
	    10;
	return 0;
}
