/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NODE_VIEW_H
#define EPHEMERA_NODE_VIEW_H

/*
 * Whether the exporter sees the node, as --namespaces=all takes it to. In a container it may have a
 * network or a tree of cgroups of its own, or lack a mount.
 */

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/pods.h"
#include "collectors/kernel/source.h"

enum node_view_part {
	NODE_VIEW_NETWORK, /* its own network namespace is the host's first one */
	NODE_VIEW_CGROUPS, /* the tree of cgroups is the host's, whole */
	NODE_VIEW_PODS,	   /* the directory of pods can be read */
	NODE_VIEW_NAMES,   /* the directory of network namespaces' names can be read */
	NODE_VIEW_PARTS
};

const char *node_view_name(enum node_view_part part);

/* Parts, or'ed as 1 << part. own: what source_list_namespaces() says of the exporter's. */
unsigned node_view_of(const struct walk_namespace *own, struct cgroups *cgroups,
    const struct pods *pods, const char *names);

/* The same, and asks the source for the exporter's namespace. Returns 0 or -errno. */
int node_view_find(struct source *source, struct cgroups *cgroups, const struct pods *pods,
    const char *names, unsigned *ret_parts);

#endif
