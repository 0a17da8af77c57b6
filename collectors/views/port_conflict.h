/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_CONFLICT_H
#define EPHEMERA_PORT_CONFLICT_H

/* Which socket keeps another one from its port. */

#include "collectors/views/port_lookup.h"

/*
 * Finds the socket of side that keeps bind() from what `asked` has: protocol, local address and
 * port, interface, ipv6_only. The first one is returned, so a listener comes before a connection;
 * NULL if there is none. ret_others: how many more of the kept sockets also do.
 *
 * Whether both sockets set SO_REUSEADDR or SO_REUSEPORT is not known: the kernel does not list it.
 */
const struct port_socket *port_conflict_find(
    const struct port_side *side, const struct socket *asked, size_t *ret_others);

#endif
