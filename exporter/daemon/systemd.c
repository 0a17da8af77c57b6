// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/systemd.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exporter/base/number.h"

#define WATCHDOG_LEAST_USEC 100000u

static bool is_ours(const char *pid)
{
	unsigned long number;

	return number_parse(pid, 0, INT_MAX, &number) && (pid_t)number == getpid();
}

static const char *count_sockets(size_t *ret_count)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	unsigned long count = 0;

	if (!pid || !fds)
		return "no sockets were passed (LISTEN_PID, LISTEN_FDS)";
	if (!is_ours(pid))
		return "the sockets were passed to another process (LISTEN_PID)";
	if (!number_parse(fds, 0, INT_MAX - SYSTEMD_FIRST_FD, &count))
		return "LISTEN_FDS must be a number of sockets";
	if (count == 0)
		return "no sockets were passed (LISTEN_FDS is 0)";
	*ret_count = count;
	return NULL;
}

const char *systemd_take_sockets(size_t *ret_count)
{
	const char *wrong = count_sockets(ret_count);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return wrong;
}

size_t systemd_count_sockets(void)
{
	size_t count = 0;

	return count_sockets(&count) ? 0 : count;
}

static int connect_to(const char *path)
{
	const struct timeval patience = {.tv_sec = 1};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t length = strlen(path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

	if (path[0] != '/' && path[0] != '@')
		return -EAFNOSUPPORT;
	if (length < 2)
		return -EINVAL;
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract one, whose name ends at its size */
	else
		size++;

	const int fd = socket(AF_UNIX, (int)SOCK_DGRAM | (int)SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, size) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int systemd_open(struct systemd *ret_systemd)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*ret_systemd = (struct systemd){.fd = -1};
	if (!path)
		return 0;

	const int fd = connect_to(path);

	if (fd < 0)
		return fd;
	ret_systemd->fd = fd;
	return 0;
}

const char *systemd_read_watchdog(struct systemd *systemd)
{
	const char *text = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long microseconds = 0;

	if (systemd->fd < 0 || !text || (pid && !is_ours(pid)))
		return NULL;
	if (!number_parse(text, 0, ULONG_MAX, &microseconds))
		return "must be a number of microseconds";
	if (microseconds < WATCHDOG_LEAST_USEC)
		return "must be at least 100 milliseconds";
	systemd->watchdog_seconds = 1e-6 * (double)microseconds;
	return NULL;
}

void systemd_tell(const struct systemd *systemd, const char *state)
{
	/* Nothing depends on whether it arrives. */
	if (systemd->fd >= 0 && send(systemd->fd, state, strlen(state), MSG_NOSIGNAL) < 0)
		return;
}

void systemd_close(struct systemd *systemd)
{
	if (systemd->fd >= 0)
		close(systemd->fd);
	systemd->fd = -1;
}
