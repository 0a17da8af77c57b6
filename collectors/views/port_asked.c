// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_asked.h"

#include <string.h>

static bool has_states(const struct state_set *states)
{
	return states->of[SOCKET_TCP] || states->of[SOCKET_UDP];
}

static bool passes(const struct port_asked *asked, const struct socket *socket)
{
	if (has_states(&asked->states) &&
	    !(asked->states.of[socket->protocol] >> socket->state & 1))
		return false;
	return asked->peers.length == 0 ||
	       (socket->remote_port && peer_filter_has(&asked->peers, socket->family,
					   &socket->remote, socket->remote_port));
}

static bool has(const struct port_asked *asked, const struct socket *socket,
    const struct socket_address *address, uint16_t port)
{
	if (!asked)
		return true;
	if (!passes(asked, socket))
		return false;
	if (portset_has(&asked->whole, port))
		return true;
	for (size_t i = 0; i < asked->length; i++) {
		const struct port_term *term = &asked->terms[i];

		if (!port_range_has(term->range, port) ||
		    (term->has_protocol && term->protocol != socket->protocol))
			continue;
		if (!term->has_address ||
		    (term->family == socket->family &&
			memcmp(&term->address, address, sizeof(*address)) == 0))
			return true;
	}
	return false;
}

bool port_asked_has_local(const struct port_asked *asked, const struct socket *socket)
{
	return has(asked, socket, &socket->local, socket->local_port);
}

bool port_asked_has_remote(const struct port_asked *asked, const struct socket *socket)
{
	return has(asked, socket, &socket->remote, socket->remote_port);
}

bool port_asked_is_part(const struct port_asked *asked)
{
	return asked->length || asked->peers.length || has_states(&asked->states);
}
