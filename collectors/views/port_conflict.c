// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_conflict.h"

#include <string.h>

/* An IPv6 wildcard has the IPv4 addresses, too, unless the socket is for IPv6 only. */
static bool has_ipv4(const struct socket *socket)
{
	return socket->family == SOCKET_IPV4 ||
	       (socket_address_is_any(&socket->local) && !socket->ipv6_only);
}

/* inet_rcv_saddr_equal() in net/ipv4/inet_connection_sock.c, which lets wildcards match. */
static bool addresses_overlap(const struct socket *a, const struct socket *b)
{
	if (a->family != b->family)
		return has_ipv4(a) && has_ipv4(b);
	return socket_address_is_any(&a->local) || socket_address_is_any(&b->local) ||
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0;
}

static bool overlap(const struct socket *a, const struct socket *b)
{
	return a->protocol == b->protocol && a->local_port == b->local_port &&
	       (!a->interface || !b->interface || a->interface == b->interface) &&
	       addresses_overlap(a, b);
}

const struct port_socket *port_conflict_find(
    const struct port_side *side, const struct socket *asked, size_t *ret_others)
{
	const struct port_socket *first = NULL;
	size_t found = 0;

	for (size_t i = 0; i < side->length; i++) {
		if (!overlap(&side->list[i].socket, asked))
			continue;
		if (found++ == 0)
			first = &side->list[i];
	}
	*ret_others = found ? found - 1 : 0;
	return first;
}
