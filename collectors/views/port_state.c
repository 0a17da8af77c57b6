// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_state.h"

const char *port_state_name(enum port_state state)
{
	static const char *const names[PORT_STATES] = {
	    [PORT_STATE_FREE] = "free",
	    [PORT_STATE_RESERVED] = "reserved",
	    [PORT_STATE_TIME_WAIT] = "time_wait",
	    [PORT_STATE_OUTBOUND] = "outbound",
	    [PORT_STATE_BOUND] = "bound",
	    [PORT_STATE_LISTENER] = "listener",
	};

	return names[state];
}

const char *port_role_name(enum port_role role)
{
	static const char *const names[PORT_ROLES] = {
	    [PORT_ROLE_LISTENER] = "listener",
	    [PORT_ROLE_BOUND] = "bound",
	    [PORT_ROLE_OUTBOUND] = "outbound",
	    [PORT_ROLE_INBOUND] = "inbound",
	    [PORT_ROLE_TIME_WAIT] = "time_wait",
	};

	return names[role];
}

enum port_role port_role_of(const struct socket *socket, bool chosen, bool has_listener)
{
	if (socket->protocol == SOCKET_UDP)
		return chosen && socket->state == SOCKET_CLOSE ? PORT_ROLE_LISTENER
							       : PORT_ROLE_OUTBOUND;
	switch (socket->state) {
	case SOCKET_LISTEN:
		return PORT_ROLE_LISTENER;
	case SOCKET_BOUND:
		return PORT_ROLE_BOUND;
	case SOCKET_TIME_WAIT:
		return PORT_ROLE_TIME_WAIT;
	default:
		return has_listener && !chosen ? PORT_ROLE_INBOUND : PORT_ROLE_OUTBOUND;
	}
}

enum port_state port_state_of(const struct socket *socket, bool chosen)
{
	switch (port_role_of(socket, chosen, false)) {
	case PORT_ROLE_LISTENER:
		return PORT_STATE_LISTENER;
	case PORT_ROLE_BOUND:
		return PORT_STATE_BOUND;
	case PORT_ROLE_TIME_WAIT:
		return PORT_STATE_TIME_WAIT;
	default:
		return chosen ? PORT_STATE_BOUND : PORT_STATE_OUTBOUND;
	}
}
