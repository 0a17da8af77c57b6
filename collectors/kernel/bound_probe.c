// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bound_probe.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/outside_port.h"
#include "collectors/kernel/release.h"
#include "collectors/kernel/settings.h"

/* BOUND_INACTIVE came with 6.8. */
#define FIRST_MAJOR 6
#define FIRST_MINOR 8

bool bound_probe_by_release(void)
{
	return release_is_at_least(FIRST_MAJOR, FIRST_MINOR);
}

static int bind_outside(struct port_range range, uint16_t *ret_port)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;

	const int port = outside_port_bind(fd, AF_INET, range, OUTSIDE_PORT_UNPRIVILEGED, PORTS);

	if (port < 0) {
		close(fd);
		return -1;
	}
	*ret_port = (uint16_t)port;
	return fd;
}

void bound_probe_open(
    struct bound_probe *probe, const char *procfs, const struct source_observer *outer)
{
	struct settings *settings cleanup_free = malloc(sizeof(*settings));
	struct stat status;

	*probe = (struct bound_probe){.fd = -1, .outer = outer};
	if (!settings || settings_read(procfs, settings, NULL) < 0)
		return;
	probe->fd = bind_outside(settings->range, &probe->port);
	if (probe->fd < 0)
		return;
	if (fstat(probe->fd, &status) < 0) {
		bound_probe_close(probe);
		return;
	}
	probe->inode = status.st_ino;
}

int bound_probe_observe(void *context, const struct socket *socket)
{
	struct bound_probe *probe = context;

	if (socket->state == SOCKET_BOUND && probe->fd >= 0 && socket->inode == probe->inode) {
		probe->seen = true;
		return 0;
	}
	return probe->outer->observe(probe->outer->context, socket);
}

int bound_probe_batch(void *context)
{
	const struct bound_probe *probe = context;

	return probe->outer->batch(probe->outer->context);
}

bool bound_probe_answer(const struct bound_probe *probe)
{
	return probe->fd >= 0 ? probe->seen : bound_probe_by_release();
}

void bound_probe_close(struct bound_probe *probe)
{
	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
}
