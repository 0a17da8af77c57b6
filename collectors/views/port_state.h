/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_STATE_H
#define EPHEMERA_PORT_STATE_H

/* What a port as a whole is, and what a socket on it is to it. */

#include <stdbool.h>

#include "collectors/kernel/socket.h"

/* Of several sockets on one port the last in this order says what the port is. */
enum port_state {
	PORT_STATE_FREE,
	PORT_STATE_RESERVED, /* by ip_local_reserved_ports, and nothing is there */
	PORT_STATE_TIME_WAIT,
	PORT_STATE_OUTBOUND,
	PORT_STATE_BOUND, /* held by bind(), connected or not, and nobody listens */
	PORT_STATE_LISTENER,
	PORT_STATES
};

/* "free", "reserved" and so on; never NULL. */
const char *port_state_name(enum port_state state);

enum port_role {
	PORT_ROLE_LISTENER, /* also a UDP socket that waits on a port of its choice */
	PORT_ROLE_BOUND,    /* TCP that only bind()s */
	PORT_ROLE_OUTBOUND,
	PORT_ROLE_INBOUND, /* TCP whose local port has a listener, and was not chosen */
	PORT_ROLE_TIME_WAIT,
	PORT_ROLES
};

const char *port_role_name(enum port_role role);

/*
 * chosen: bind() was given the socket's port by number, as no accepted connection's was.
 * has_listener: somebody listens on it over TCP.
 */
enum port_role port_role_of(const struct socket *socket, bool chosen, bool has_listener);

/* What one socket makes of its local port. */
enum port_state port_state_of(const struct socket *socket, bool chosen);

#endif
