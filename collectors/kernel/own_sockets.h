/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWN_SOCKETS_H
#define EPHEMERA_OWN_SOCKETS_H

/* Sockets of our own, of several kinds, to be looked for in a list of sockets. */

#include <stdbool.h>

#include "collectors/kernel/socket.h"

enum own_socket {
	OWN_LISTENER,
	OWN_BOUND,
	OWN_CLIENT,
	OWN_SERVER,
	OWN_UDP,
	OWN_LISTENER6,
	OWN_SOCKETS
};

struct own_sockets {
	int fds[OWN_SOCKETS];		   /* -1: there is none */
	struct socket wanted[OWN_SOCKETS]; /* its protocol, family, state and ports */
	bool expected[OWN_SOCKETS];	   /* it could be made */
	unsigned seen[OWN_SOCKETS];
	unsigned below; /* where the next port is: on another's bind() is refused, and counted */
};

/*
 * Opens them on loopback, at ports outside the ephemeral range in procfs, so that none is taken
 * from anybody. connect: also a connection, which the kernel's counters then have. What cannot be
 * made, such as IPv6, is not expected. own_sockets_close() follows.
 */
void own_sockets_open(struct own_sockets *own, const char *procfs, bool connect);
void own_sockets_close(struct own_sockets *own);

/* Counts the socket if it is one of them. */
void own_sockets_note(struct own_sockets *own, const struct socket *socket);

/* Forgets what was seen. */
void own_sockets_forget(struct own_sockets *own);

/* Whether each that is expected was seen exactly once; without UDP, if told so. */
bool own_sockets_all_once(const struct own_sockets *own, bool with_udp);

#endif
