/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_GROUP_H
#define EPHEMERA_PORT_GROUP_H

/* Sockets with the same description, which is printed once. */

#include "collectors/views/port_lookup.h"

struct port_group {
	const struct port_socket **list; /* in the order of the list that they are of */
	size_t length;			 /* 1 or more */
};

/*
 * Finds the next sockets of a list that differ only in addresses, times and descriptors. rest: one
 * flag for each of them, true if it was in a group already; all false at first. ret_group->list
 * must have room for all. Returns false if there are no more.
 */
bool port_group_next(const struct port_lookup *lookup, const struct port_socket *const *list,
    size_t length, bool *rest, struct port_group *ret_group);

/*
 * The descriptors that refer to the sockets of the group, by process: a copy that the caller frees;
 * NULL if there are none or memory ran out.
 */
struct holding *port_group_holdings(
    const struct port_lookup *lookup, const struct port_group *group, size_t *ret_length);

#endif
