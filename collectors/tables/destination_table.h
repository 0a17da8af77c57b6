/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_TABLE_H
#define EPHEMERA_DESTINATION_TABLE_H

/*
 * Used ports, counted by destination. An IPv4 destination takes 16 bytes, 20 if its sockets are
 * bound to an interface; an IPv6 one 44. At most three quarters of the places are taken, and
 * growing needs the old half beside the new: a million IPv4 destinations peak at 48 MiB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/port_use.h"
#include "collectors/kernel/socket.h"

struct destination {
	enum socket_family family;
	uint16_t port;
	uint32_t interface; /* that its sockets are bound to, as link-local peers need; 0: none */
	struct socket_address source;
	struct socket_address address;
	uint16_t ports[PORT_USES];
	unsigned shared; /* taken by sockets without an interface: destination_table_share() */
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

struct destination_table;

/* limit: maximum destinations of a family. Returns 0 or -errno. */
int destination_table_new(size_t limit, struct destination_table **ret_table);
/* Forgets all destinations and returns their memory to the system. */
void destination_table_clear(struct destination_table *table);
void destination_table_free(struct destination_table *table);

/*
 * Counts one port for the socket's destination. Returns 0, -ENOMEM, or -ENOBUFS if the destination
 * is new and the table is at its limit.
 */
int destination_table_add(
    struct destination_table *table, const struct socket *socket, enum port_use use);

/*
 * Iterates, in no order: *position starts at 0. Returns false at the end. Leaves `shared` at 0.
 */
bool destination_table_next(const struct destination_table *table, enum socket_family family,
    size_t *position, struct destination *ret_destination);

/*
 * Sets `shared` for a destination whose sockets are bound to an interface: the ports of sockets
 * that are bound to none and have the same addresses and port. connect() gives it none of these. It
 * is at most the rest of the capacity. A port that sockets of both kinds have is in both numbers,
 * so the table may promise fewer ports than the kernel gives, never more.
 */
void destination_table_share(
    const struct destination_table *table, unsigned capacity, struct destination *destination);

/*
 * Writes the source address into text, followed by the interface that its sockets are bound to.
 * Leaves the interface out if the peer is link-local, whose address has it already, unless the
 * source is link-local too.
 */
void destination_source_format(
    const struct destination *destination, char text[static SOCKET_ADDRESS_TEXT]);

#endif
