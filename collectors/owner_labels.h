/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_LABELS_H
#define EPHEMERA_OWNER_LABELS_H

/* The labels that every family has that tells of cgroups. */

#include "collectors/kernel/container.h"
#include "collectors/kernel/pods.h"

/* Their names, in this order. */
#define OWNER_LABELS "cgroup", "pod_uid", "container_id", "namespace", "pod"

/* Their values. */
#define OWNER_VALUES(labels)                                                \
	(labels).cgroup, (labels).container.pod_uid, (labels).container.id, \
	    (labels).namespace_name, (labels).pod

struct owner_labels {
	const char *cgroup;
	struct container container;
	const char *namespace_name; /* of the pod, as is the next; empty if it is not known */
	const char *pod;
};

/* cgroup: its path, which must outlive the result. The names are valid as long as pods_find() says.
 */
struct owner_labels owner_labels_of(struct pods *pods, const char *cgroup);

#endif
