/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_TABLE_H
#define EPHEMERA_DESTINATION_TABLE_H

/*
 * Used ports, counted by destination. An IPv4 destination takes 20 bytes, 24 if its sockets are
 * bound to an interface; an IPv6 one 48. At most three quarters of the places are taken, and
 * growing needs the old half beside the new: a million IPv4 destinations peak at 60 MiB. Where a
 * destination has several owners, each takes 24 to 48 bytes more.
 */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/tables/destination.h"

struct destination_table;

/*
 * limit: maximum destinations of a family, and maximum owners of destinations that have several.
 * has_owners: whether owners are told apart. Returns 0 or -ENOMEM.
 */
int destination_table_new(size_t limit, bool has_owners, struct destination_table **ret_table);
/* Forgets all destinations and returns their memory to the system. */
void destination_table_clear(struct destination_table *table);
void destination_table_free(struct destination_table *table);

/*
 * Counts one port for the socket's destination. Returns 0, -ENOMEM, or -ENOBUFS if the destination
 * is new and the table is at its limit.
 */
int destination_table_add(
    struct destination_table *table, const struct socket *socket, enum port_use use);

/* The ports of that destination, by use; all 0 if the table does not have it. */
void destination_table_count(const struct destination_table *table,
    const struct destination *destination, uint16_t ret_counts[static PORT_USES]);

/* How many destinations it has, of both families. */
size_t destination_table_length(const struct destination_table *table);

/* Sets another limit; destinations that it has already stay. */
void destination_table_limit(struct destination_table *table, size_t limit);

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
 * The cgroups that have the active ports of a destination that destination_table_next() found, in
 * no order. If their sum is less, the rest belongs to no cgroup, or to those beyond the limits. The
 * caller frees ret_list, which may be NULL if there are none. Returns 0 or -ENOMEM.
 */
int destination_table_list_owners(const struct destination_table *table,
    const struct destination *destination, struct owner **ret_list, size_t *ret_length);

#endif
