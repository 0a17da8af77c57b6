// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/source.h"

/* BOUND_INACTIVE came with 6.8. */
#define FIRST_MAJOR 6
#define FIRST_MINOR 8

static bool release_lists_bound_only(void)
{
	struct utsname name;
	char *end;

	if (uname(&name) < 0)
		return false;

	const long major = strtol(name.release, &end, 10);
	const long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return major > FIRST_MAJOR || (major == FIRST_MAJOR && minor >= FIRST_MINOR);
}

/*
 * Binds a socket to some port that no connect() could want: outside the range. Returns
 * its descriptor or -errno.
 */
static int bind_outside(const struct port_range *range)
{
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* So that a service which binds the same port in this moment is not refused. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	for (unsigned port = PORTS - 1, tries = 0; port >= 1024 && tries < 64; port--) {
		struct sockaddr_in address = {.sin_family = AF_INET};

		if (port_range_has(*range, (uint16_t)port)) {
			port = range->first;
			continue;
		}
		tries++;
		address.sin_port = htons((uint16_t)port);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
	}
	close(fd);
	return -EADDRINUSE;
}

struct wanted {
	ino_t inode;
	bool seen;
};

static int look_for(void *context, const struct socket *socket)
{
	struct wanted *wanted = context;

	if (socket->inode == wanted->inode)
		wanted->seen = true;
	return 0;
}

bool source_sees_bound_only(struct source *source)
{
	struct settings *settings cleanup_free = malloc(sizeof(*settings));
	struct wanted wanted = {0};
	struct stat status;
	const struct source_observer observer = {look_for, NULL, &wanted};

	if (!settings || settings_read("/proc", settings) < 0)
		return false;

	const cleanup_close int fd = bind_outside(&settings->range);

	if (fd >= 0 && fstat(fd, &status) == 0)
		wanted.inode = status.st_ino;
	if (source_list(source, LISTING_TCP_BINDS, &observer) < 0 ||
	    source_used(source, SOCKET_TCP) != SOURCE_SOCK_DIAG)
		return false;
	return wanted.inode ? wanted.seen : release_lists_bound_only();
}
