/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ASKED_H
#define EPHEMERA_PORT_ASKED_H

/*
 * Which sockets of a port are asked for: all, those of one protocol, of one address, with one peer,
 * or in one state.
 */

#include "collectors/kernel/peer_filter.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

#define PORT_TERMS_MAX 64

/* "udp/53" or "10.0.0.1:443". */
struct port_term {
	struct port_range range;
	bool has_protocol;
	enum socket_protocol protocol;
	bool has_address;
	enum socket_family family; /* of the address */
	struct socket_address address;
};

/* [protocol]: a bit for each enum socket_state. Zero-initialised, every state is in it. */
struct state_set {
	uint32_t of[SOCKET_PROTOCOLS];
};

/* Zero-initialised, nothing is asked for. */
struct port_asked {
	struct portset ports; /* all that are asked for, in whatever way; never 0 */
	struct portset whole; /* those of which every socket is */
	struct portset named; /* those that were not asked for in a range */
	size_t length;	      /* of terms; 0: every socket of ports is asked for */
	struct port_term terms[PORT_TERMS_MAX];
	/* Whatever the ports: only sockets that have such a peer, and are in such a state. */
	struct peer_filter peers;
	struct state_set states;
};

/* Whether some sockets of the ports are not asked for. */
bool port_asked_is_part(const struct port_asked *asked);

/* Whether the socket is asked for by its local, or its remote, address and port. NULL: each is. */
bool port_asked_has_local(const struct port_asked *asked, const struct socket *socket);
bool port_asked_has_remote(const struct port_asked *asked, const struct socket *socket);

#endif
