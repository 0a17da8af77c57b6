/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_SIDE_H
#define EPHEMERA_PORT_SIDE_H

/* The sockets that have a port at one end: counts all, keeps the first ones in order. */

#include "collectors/views/port_lookup.h"

/*
 * Counts the socket, and keeps it if it is among the first limit ones. A side that has more than
 * limit keeps its number. Returns 0 or -ENOMEM.
 */
int port_side_keep(struct port_side *side, const struct socket *socket, size_t limit);

/* The kept entry of this socket, even if its state has changed; or NULL. */
struct port_socket *port_side_find(const struct port_side *side, const struct socket *socket);

#endif
