/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_NAMESPACES_H
#define EPHEMERA_PORT_NAMESPACES_H

/* In which network namespaces of the host something is on these ports. */

#include "collectors/kernel/walk.h"
#include "collectors/views/namespace_rows.h"
#include "collectors/views/port_lookup.h"

struct port_namespace {
	const struct namespace_row *row;
	struct port_side side; /* those that are asked for, by either end */
};

struct port_namespaces {
	size_t length; /* those that have such a socket, in the order of the rows */
	struct port_namespace *list;
};

/*
 * Walks over all sockets. limit: sockets kept of each namespace; all are counted. Those of
 * namespaces that are not among rows, which must outlive the answer, are left out. Returns 0 or
 * -errno, as walk_list_all(). The caller frees the answer with port_namespaces_free().
 */
int port_namespaces_find(struct walk *walk, const struct namespace_rows *rows,
    const struct port_asked *asked, size_t limit, struct port_namespaces **ret_found);
/* How many namespaces have such a socket, besides ours. Returns as port_namespaces_find(). */
int port_namespaces_count_others(
    struct walk *walk, const struct port_asked *asked, size_t *ret_others);
void port_namespaces_free(struct port_namespaces *found); /* NULL is fine */

#endif
