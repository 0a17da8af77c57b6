/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_MATCH_H
#define EPHEMERA_OWNER_MATCH_H

/* Owners as people name them. */

#include <stdbool.h>

#include "collectors/kernel/pods.h"

/*
 * Whether the cgroup at that path is one of owner's. owner is "/system.slice/web.service": that
 * cgroup, and those below it, but "/" alone is only the root; "web.service" or "web": one whose
 * path has such a part; "shop/cart" or "cart": the cgroups of a pod; the uid of a pod; or the id of
 * a container, or its first twelve digits or more. A path that is not known, and so does not begin
 * with a slash, is nobody's. Only for the thread that gathers.
 */
bool owner_matches(const char *owner, const char *path, struct pods *pods);

#endif
