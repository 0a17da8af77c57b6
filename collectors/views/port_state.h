/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_STATE_H
#define EPHEMERA_PORT_STATE_H

/* The state of a port as a whole, and the role of a socket on it. */

#include <stdbool.h>

#include "collectors/kernel/socket.h"

/* If a port has several sockets, the last state in this order counts. */
enum port_state {
	PORT_STATE_FREE,
	PORT_STATE_RESERVED, /* by ip_local_reserved_ports, without sockets */
	PORT_STATE_TIME_WAIT,
	PORT_STATE_OUTBOUND,
	PORT_STATE_BOUND, /* held by bind(), connected or not, without a listener */
	PORT_STATE_LISTENER,
	PORT_STATES
};

/* "free", "reserved" and so on; never NULL. */
const char *port_state_name(enum port_state state);

enum port_role {
	PORT_ROLE_LISTENER, /* also a UDP socket that waits on a port that it chose */
	PORT_ROLE_BOUND,    /* TCP that only called bind() */
	PORT_ROLE_OUTBOUND,
	PORT_ROLE_INBOUND, /* TCP whose local port has a listener, and was not chosen */
	PORT_ROLE_TIME_WAIT,
	PORT_ROLES
};

const char *port_role_name(enum port_role role);

/*
 * chosen: bind() got the socket's port by number, which is never so for an accepted connection.
 * has_listener: there is a TCP listener on the port.
 */
enum port_role port_role_of(const struct socket *socket, bool chosen, bool has_listener);

/* The state that one socket gives its local port. */
enum port_state port_state_of(const struct socket *socket, bool chosen);

#endif
