/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CGROUP_NAMES_H
#define EPHEMERA_CGROUP_NAMES_H

/*
 * The names of cgroups by their ids, kept when the cgroup is gone: of the last 2,048 that were
 * asked for, and of up to 2,048 more.
 */

#include <stdint.h>

#include "collectors/kernel/container.h"

struct cgroup_name {
	const char *path; /* "id:" and the number if it is not known */
	struct container container;
};

struct cgroup_names;

/* sysfs as for cgroups_new(). Without a hierarchy no path is known. NULL: out of memory. */
struct cgroup_names *cgroup_names_new(const char *sysfs);
void cgroup_names_free(struct cgroup_names *names); /* NULL is fine */

/*
 * Looks an id up that it does not know yet, which may take a walk over all cgroups (see cgroups.h);
 * one that is not found then is not looked up again, since ids are not used twice. NULL: no memory.
 * The name is valid until the next call.
 */
const struct cgroup_name *cgroup_names_find(struct cgroup_names *names, uint64_t id);

#endif
