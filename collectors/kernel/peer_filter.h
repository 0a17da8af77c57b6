/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PEER_FILTER_H
#define EPHEMERA_PEER_FILTER_H

/* Which peers are asked for: addresses, networks, and ports. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

#define PEER_TERMS_MAX 16

/* "10.0.0.1:443", "10.0.0.0/8" or ":443". */
struct peer_term {
	bool has_address;
	enum socket_family family;     /* of the address */
	struct socket_address address; /* its bits beyond the first ones do not count */
	unsigned bits;		       /* how many of the address must be the same */
	bool has_ports;
	struct port_range ports;
};

/* Zero-initialised, every peer is asked for. */
struct peer_filter {
	size_t length;
	struct peer_term terms[PEER_TERMS_MAX]; /* one that fits is enough */
};

/* Whether the peer is asked for. filter: NULL: each is. */
bool peer_filter_has(const struct peer_filter *filter, enum socket_family family,
    const struct socket_address *address, uint16_t port);

#endif
