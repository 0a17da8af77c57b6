// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/own_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/outside_port.h"
#include "collectors/kernel/settings.h"

/* Binds a new socket. Returns whether it could. */
static bool make(struct own_sockets *own, enum own_socket which, sa_family_t family, int type,
    struct port_range range)
{
	/* What filters packets may keep a connection from being made. */
	const struct timeval patience = {1, 0};
	const int fd = socket(family, type | SOCK_CLOEXEC, 0);
	struct stat status;
	int port = -1;

	if (fd < 0)
		return false;
	own->fds[which] = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    fstat(fd, &status) == 0)
		port = outside_port_bind_loopback(
		    fd, family, range, OUTSIDE_PORT_UNPRIVILEGED, own->below);
	if (port < 0)
		return false;
	own->below = (unsigned)port;
	own->wanted[which] = (struct socket){
	    .protocol = type == SOCK_STREAM ? SOCKET_TCP : SOCKET_UDP,
	    .family = family == AF_INET6 ? SOCKET_IPV6 : SOCKET_IPV4,
	    .state = type == SOCK_STREAM ? SOCKET_BOUND : SOCKET_CLOSE,
	    .local_port = (uint16_t)port,
	    .inode = (uint32_t)status.st_ino,
	};
	return true;
}

static bool make_listener(
    struct own_sockets *own, enum own_socket which, sa_family_t family, struct port_range range)
{
	if (!make(own, which, family, SOCK_STREAM, range) || listen(own->fds[which], 1) < 0)
		return false;
	own->wanted[which].state = SOCKET_LISTEN;
	return true;
}

/* Its peer, which nobody accepts, is established all the same. */
static bool make_pair(struct own_sockets *own, struct port_range range)
{
	const uint16_t port = own->wanted[OWN_LISTENER].local_port;
	const struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (!own->expected[OWN_LISTENER] || !make(own, OWN_CLIENT, AF_INET, SOCK_STREAM, range) ||
	    connect(own->fds[OWN_CLIENT], (const struct sockaddr *)&address, sizeof(address)) < 0)
		return false;
	own->wanted[OWN_CLIENT].state = SOCKET_ESTABLISHED;
	own->wanted[OWN_CLIENT].remote_port = port;
	own->wanted[OWN_SERVER] = own->wanted[OWN_CLIENT];
	own->wanted[OWN_SERVER].local_port = port;
	own->wanted[OWN_SERVER].remote_port = own->wanted[OWN_CLIENT].local_port;
	return true;
}

void own_sockets_open(struct own_sockets *own, const char *procfs, bool connect)
{
	struct settings *settings cleanup_free = malloc(sizeof(*settings));

	memset(own, 0, sizeof(*own));
	own->below = PORTS;
	for (int i = 0; i < OWN_SOCKETS; i++)
		own->fds[i] = -1;
	if (!settings || settings_read(procfs, settings, NULL) < 0)
		return;

	const struct port_range range = settings->range;

	own->expected[OWN_LISTENER] = make_listener(own, OWN_LISTENER, AF_INET, range);
	own->expected[OWN_LISTENER6] = make_listener(own, OWN_LISTENER6, AF_INET6, range);
	own->expected[OWN_BOUND] = make(own, OWN_BOUND, AF_INET, SOCK_STREAM, range);
	own->expected[OWN_UDP] = make(own, OWN_UDP, AF_INET, SOCK_DGRAM, range);
	own->expected[OWN_CLIENT] = connect && make_pair(own, range);
	own->expected[OWN_SERVER] = own->expected[OWN_CLIENT];
}

void own_sockets_close(struct own_sockets *own)
{
	/* The client first, and by a reset: no TIME_WAIT is left behind. */
	const struct linger reset = {1, 0};

	if (own->fds[OWN_CLIENT] >= 0)
		setsockopt(own->fds[OWN_CLIENT], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	for (int i = OWN_SOCKETS - 1; i >= 0; i--)
		if (own->fds[i] >= 0)
			close(own->fds[i]);
}

/*
 * Others may have the same port at the same moment, as they use SO_REUSEADDR, too, but only where
 * nobody listens or is connected: there the inode tells them apart.
 */
static bool is_same(const struct socket *wanted, const struct socket *socket)
{
	const bool is_shared = wanted->state == SOCKET_BOUND || wanted->state == SOCKET_CLOSE;

	return wanted->protocol == socket->protocol && wanted->family == socket->family &&
	       wanted->state == socket->state && wanted->local_port == socket->local_port &&
	       wanted->remote_port == socket->remote_port &&
	       (!is_shared || wanted->inode == socket->inode);
}

void own_sockets_note(struct own_sockets *own, const struct socket *socket)
{
	for (int i = 0; i < OWN_SOCKETS; i++)
		if (own->expected[i] && is_same(&own->wanted[i], socket))
			own->seen[i]++;
}

void own_sockets_forget(struct own_sockets *own)
{
	memset(own->seen, 0, sizeof(own->seen));
}

bool own_sockets_all_once(const struct own_sockets *own, bool with_udp)
{
	for (int i = 0; i < OWN_SOCKETS; i++)
		if (own->expected[i] && own->seen[i] != 1 && (i != OWN_UDP || with_udp))
			return false;
	return true;
}
