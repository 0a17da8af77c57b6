// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/inherited.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "exporter/base/number.h"

static int open_standard_descriptors(void)
{
	for (int fd = 0; fd < INHERITED_FIRST_FD; fd++)
		/* open() takes the lowest number that is free, which is fd. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return -errno;
	return 0;
}

/* For Linux before 5.9, and for sandboxes that do not know close_range(). */
static int close_those_listed(unsigned first)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		unsigned long fd;

		if (number_parse(entry->d_name, 0, INT_MAX, &fd) && fd >= first &&
		    (int)fd != dirfd(directory))
			close((int)fd);
	}
	closedir(directory);
	return 0;
}

int inherited_close(size_t sockets)
{
	const int result = open_standard_descriptors();

	if (result < 0)
		return result;
	if (sockets > INT_MAX - INHERITED_FIRST_FD)
		return 0;

	const unsigned first = INHERITED_FIRST_FD + (unsigned)sockets;

	return close_range(first, UINT_MAX, 0) == 0 ? 0 : close_those_listed(first);
}
