/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_TABLE_H
#define EPHEMERA_DESTINATION_TABLE_H

/*
 * Used ports, counted by destination. An IPv4 destination takes 16 bytes, 20 where its sockets
 * are bound to an interface, and an IPv6 one 44; at most three quarters of the places are taken,
 * and growing needs the old half besides the new: a million IPv4 destinations peak at 48 MiB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/port_use.h"
#include "collectors/kernel/socket.h"

struct destination {
	enum socket_family family;
	uint16_t port;
	uint32_t
	    interface; /* that its sockets are bound to, as link-local peers need it; 0: none */
	struct socket_address source;
	struct socket_address address;
	uint16_t ports[PORT_USES];
	unsigned shared; /* lost to it by sockets of no interface: destination_table_share() */
};

/* The ports that no further connect() to it can have. */
static inline unsigned destination_used(const struct destination *destination)
{
	return (unsigned)destination->ports[PORT_ACTIVE] + destination->ports[PORT_TIME_WAIT] +
	       destination->shared;
}

/* All ports that its own sockets have taken, reusable ones included. */
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
 * A total order: more used ports first, then by destination_compare_key(), so that
 * a list cut off anywhere is the same every time. Negative where a comes first.
 */
int destination_compare(const struct destination *a, const struct destination *b);

struct destination_table;

/* limit: how many destinations of a family it may hold. Returns 0 or -errno. */
int destination_table_new(size_t limit, struct destination_table **ret_table);
/* Forgets all destinations and gives their memory back to the system. */
void destination_table_clear(struct destination_table *table);
void destination_table_free(struct destination_table *table);

/*
 * Counts one port towards the socket's destination. Returns 0, -ENOMEM, or -ENOBUFS where
 * the destination is a new one and the table is at its limit.
 */
int destination_table_count(
    struct destination_table *table, const struct socket *socket, enum port_use use);

/*
 * Iterates: *position starts at 0. Returns false at the end. The order is none, and what is
 * shared is left at 0.
 */
bool destination_table_next(const struct destination_table *table, enum socket_family family,
    size_t *position, struct destination *ret_destination);

/*
 * Fills in what a destination of sockets that are bound to an interface has lost to sockets that
 * are bound to none and have the same addresses and port: connect() gives it none of their ports.
 * It is what is left of the capacity at the most. A port that sockets of both kinds have is in
 * both numbers, so that less may be promised than the kernel gives, never more.
 */
void destination_table_share(
    const struct destination_table *table, unsigned capacity, struct destination *destination);

/*
 * Writes the source address into text, with the interface that its sockets are bound to behind
 * it; not where the address of a link-local peer has it already, unless it is link-local, too.
 */
void destination_source_format(
    const struct destination *destination, char text[static SOCKET_ADDRESS_TEXT]);

#endif
