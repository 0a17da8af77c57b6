// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128

static int open_one(const struct addrinfo *info, bool dual_stack)
{
	const int on = 1;
	const int v6_only = !dual_stack;
	const int fd = socket(info->ai_family,
	    info->ai_socktype | (int)SOCK_CLOEXEC | (int)SOCK_NONBLOCK, info->ai_protocol);

	if (fd < 0)
		return -errno;
	/* A restart must not wait for the TIME_WAIT sockets of the last process. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (info->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void format_path(const struct sockaddr_un *address, socklen_t size, char *text)
{
	char path[LISTEN_PATH_SIZE + 1] = "";
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	if (size > head)
		memcpy(path, address->sun_path,
		    size < sizeof(*address) ? size - head : sizeof(*address) - head);
	if (!path[0])
		path[0] = '@'; /* the usual way to write an abstract one */
	snprintf(text, LISTEN_TEXT_SIZE, LISTEN_UNIX_PREFIX "%s", path);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

/* Takes ownership of fd. */
static void describe(int fd, struct listener *listener)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	char host[48] = "?";
	char port[8] = "?";

	memset(listener, 0, sizeof(*listener));
	listener->fd = fd;
	(void)getsockname(fd, (struct sockaddr *)&address, &size);
	listener->port = port_of(&address);
	if (address.ss_family == AF_UNIX) {
		format_path((const struct sockaddr_un *)&address, size, listener->text);
		return;
	}
	(void)getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(listener->text, sizeof(listener->text), strchr(host, ':') ? "[%s]:%s" : "%s:%s",
	    host, port);
}

static int open_tcp(const struct listen_address *address, struct listener *ret_listener)
{
	const bool any = address->host[0] == '\0';
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char port[8];
	int fd = -EADDRNOTAVAIL;

	snprintf(port, sizeof(port), "%u", address->port);
	/* "::" accepts IPv4 too; if IPv6 is off, the loop goes on to 0.0.0.0. */
	if (getaddrinfo(any ? NULL : address->host, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	for (int family = AF_INET6; family >= 0 && fd < 0;
	     family = family == AF_INET6 ? AF_INET : -1) {
		for (const struct addrinfo *i = found; i && fd < 0; i = i->ai_next)
			if (i->ai_family == family)
				fd = open_one(i, any);
		if (fd == -EADDRINUSE)
			break;
	}
	freeaddrinfo(found);
	if (fd < 0)
		return fd;
	describe(fd, ret_listener);
	return 0;
}

static int open_unix_socket(void)
{
	const int fd =
	    socket(AF_UNIX, (int)SOCK_STREAM | (int)SOCK_CLOEXEC | (int)SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Removes a socket that no process listens on, and nothing else. */
static int clear_path(const struct sockaddr_un *address)
{
	struct stat status;

	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;

	const int probe = open_unix_socket();

	if (probe < 0)
		return probe;

	const int error =
	    connect(probe, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;

	close(probe);
	switch (error) {
	case ECONNREFUSED:
		return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
	case ENOENT:
		return 0;
	case 0:
	case EAGAIN:	 /* its queue is full */
	case EPROTOTYPE: /* it is a datagram socket */
		return -EADDRINUSE;
	default:
		return -error;
	}
}

/* bind() creates the file with the permissions that the umask leaves: never too many. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
	const mode_t before = umask(~mode & 0777);
	const int result =
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(before);
	return result;
}

static int open_unix(
    const struct listen_address *address, mode_t mode, struct listener *ret_listener)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct stat status;

	memcpy(name.sun_path, address->path, sizeof(name.sun_path));

	int result = clear_path(&name);

	if (result < 0)
		return result;

	const int fd = open_unix_socket();

	if (fd < 0)
		return fd;
	result = bind_with_mode(fd, &name, mode);
	if (result == 0 && listen(fd, BACKLOG) < 0)
		result = -errno;
	if (result < 0) {
		close(fd);
		return result;
	}
	describe(fd, ret_listener);
	if (lstat(name.sun_path, &status) == 0) {
		memcpy(ret_listener->path, name.sun_path, sizeof(name.sun_path));
		ret_listener->device = status.st_dev;
		ret_listener->inode = status.st_ino;
	}
	return 0;
}

int listen_open(
    const struct listen_address *address, mode_t socket_mode, struct listener *ret_listener)
{
	return address->kind == LISTEN_UNIX ? open_unix(address, socket_mode, ret_listener)
					    : open_tcp(address, ret_listener);
}

static int get_option(int fd, int option, int *ret_value)
{
	socklen_t size = sizeof(*ret_value);

	return getsockopt(fd, SOL_SOCKET, option, ret_value, &size) < 0 ? -errno : 0;
}

const char *listen_adopt(int fd, struct listener *ret_listener)
{
	int type = 0;
	int family = 0;
	int listens = 0;

	if (get_option(fd, SO_TYPE, &type) < 0 || get_option(fd, SO_DOMAIN, &family) < 0 ||
	    get_option(fd, SO_ACCEPTCONN, &listens) < 0)
		return "it is not a socket";
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return "it must be an IPv4, IPv6 or unix socket";
	if (type != SOCK_STREAM)
		return "it must be a stream socket (ListenStream=)";
	if (!listens)
		return "it must be listening (Accept=no)";

	const int status = fcntl(fd, F_GETFL);

	if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return "it cannot be made non-blocking";
	describe(fd, ret_listener);
	ret_listener->port = 0; /* whoever passed it keeps it open */
	return NULL;
}

void listen_remove(const struct listener *listener)
{
	struct stat status;

	/* If this is no longer permitted, the next start replaces the file. */
	if (listener->path[0] && lstat(listener->path, &status) == 0 &&
	    status.st_dev == listener->device && status.st_ino == listener->inode)
		(void)unlink(listener->path);
}
