/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PODS_H
#define EPHEMERA_PODS_H

/*
 * The names of a node's Kubernetes pods by their uid. The kubelet makes a directory for each pod
 * that runs on the node, /var/log/pods/NAMESPACE_NAME_UID, with one below it for each container. A
 * name has no underscore. A static pod's uid is a hash, here as in the names of its cgroups. Only
 * names of directories are read.
 *
 * A uid belongs to one pod for ever, so a pod that replaces one of the same name is another.
 */

#include <stdbool.h>

struct pods;

struct pod {
	const char *namespace_name;
	const char *name;
	const char *container; /* if it has only one; else NULL */
};

/*
 * Opens the directory, and keeps it open: the kubelet may have made it for root alone, and whoever
 * asks may give up root's rights afterwards. Then the names of containers cannot be read.
 *
 * directory: such as "/var/log/pods"; must outlive it; NULL: no pod is known. Returns NULL: out of
 * memory.
 */
struct pods *pods_new(const char *directory);
void pods_free(struct pods *pods); /* NULL is fine */

/* Whether the directory can be read now. */
bool pods_can_be_read(const struct pods *pods);

/*
 * Begins a gathering: if a uid is not known then, the directory is read again, once. What nobody
 * asked for in the gathering before is forgotten, if its directory is gone.
 */
void pods_begin(struct pods *pods);

/*
 * Finds the pod with that uid. Returns whether it is known; ret_pod is valid until the next
 * pods_begin().
 */
bool pods_find(struct pods *pods, const char *uid, struct pod *ret_pod);

#endif
