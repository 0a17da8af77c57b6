/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_GROUP_H
#define EPHEMERA_PORT_GROUP_H

/* Sockets of which the same can be said, so that people read it once. */

#include "collectors/views/port_lookup.h"

struct port_group {
	const struct port_socket **list; /* of what they were found among, in its order */
	size_t length;			 /* 1 or more */
};

/*
 * Finds the next sockets that are alike but for their addresses, their times and the descriptors
 * that refer to them, among the first of side. rest: a flag for each of these, true where it was in
 * a group already; all false at first. ret_group->list has room for as many. Returns false where
 * all were.
 */
bool port_group_next(const struct port_lookup *lookup, const struct port_side *side, size_t first,
    bool *rest, struct port_group *ret_group);

/*
 * What refers to any of them, by process and descriptor: a copy that the caller frees, or NULL
 * where there is nothing or no memory.
 */
struct holding *port_group_holdings(
    const struct port_lookup *lookup, const struct port_group *group, size_t *ret_length);

#endif
