// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_asked.h"

#include <string.h>

static bool has(const struct port_asked *asked, const struct socket *socket,
    const struct socket_address *address, uint16_t port)
{
	if (!asked || portset_has(&asked->whole, port))
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
