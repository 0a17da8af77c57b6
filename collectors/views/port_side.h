/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_SIDE_H
#define EPHEMERA_PORT_SIDE_H

/* The sockets that have a port at one end: all are counted, the first in order kept. */

#include "collectors/views/port_lookup.h"

/*
 * Counts the socket, and keeps it if it is among the first limit ones; a side that has more
 * than that keeps as many as it has. Returns 0 or -ENOMEM.
 */
int port_side_keep(struct port_side *side, const struct socket *socket, size_t limit);

/* The one that is kept of this socket, be its state another by now, or NULL. */
struct port_socket *port_side_find(const struct port_side *side, const struct socket *socket);

#endif
