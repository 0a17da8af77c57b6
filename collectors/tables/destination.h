/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_H
#define EPHEMERA_DESTINATION_H

/* Where connections go: what has all ports of the range for itself. */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/kernel/port_use.h"
#include "collectors/kernel/socket.h"
#include "collectors/tables/destination_owners.h"

struct destination {
	enum socket_family family;
	uint16_t port;
	uint32_t interface; /* that its sockets are bound to, as link-local peers need; 0: none */
	struct socket_address source;
	struct socket_address address;
	uint16_t ports[PORT_USES];
	unsigned shared; /* taken by sockets without an interface: destination_table_share() */
	destination_owner_handle owners; /* for destination_table_list_owners() */
};

/* The ports that no further connect() to it can get. */
static inline unsigned destination_used(const struct destination *destination)
{
	return (unsigned)destination->ports[PORT_ACTIVE] + destination->ports[PORT_TIME_WAIT] +
	       destination->shared;
}

/* All ports that its own sockets have taken, including reusable ones. */
static inline unsigned destination_total(const struct destination *destination)
{
	return (unsigned)destination->ports[PORT_ACTIVE] + destination->ports[PORT_TIME_WAIT] +
	       destination->ports[PORT_REUSABLE];
}

/* The destination of a socket that has a peer, without any ports. */
struct destination destination_of(const struct socket *socket);

/* A total order by family, address, port, source and interface. Negative where a comes first. */
int destination_compare_key(const struct destination *a, const struct destination *b);

/* Whether they are one: in all that destination_compare_key() goes by, the interface included. */
bool destination_same(const struct destination *a, const struct destination *b);

/*
 * A total order: more used ports first, then by destination_compare_key(). So a list that is cut
 * off is the same every time. Negative if a comes first.
 */
int destination_compare(const struct destination *a, const struct destination *b);

/*
 * Writes the source address into text, followed by the interface that its sockets are bound to.
 * Leaves the interface out if the peer is link-local, whose address has it already, unless the
 * source is link-local too.
 */
void destination_source_format(
    const struct destination *destination, char text[static SOCKET_ADDRESS_TEXT]);

#endif
