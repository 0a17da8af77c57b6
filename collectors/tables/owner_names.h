/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_NAMES_H
#define EPHEMERA_OWNER_NAMES_H

/*
 * What cgroups have, by the names that people know them by: a service that was restarted has
 * a new cgroup at the path of the old one, and to who looks they are one.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/tables/owner_table.h"

struct owner_name {
	char *path; /* "id:NUMBER" of a cgroup that nobody can name, or was gone before */
	uint64_t count;
};

/*
 * The paths of list, an id each once, and what all with the same path have together, the most
 * first. cgroups: NULL where there is no hierarchy. *length is that of list and becomes that of the
 * names. Returns 0 or -ENOMEM.
 */
int owner_names_list(struct cgroups *cgroups, const struct owner *list, size_t *length,
    struct owner_name **ret_names);
void owner_names_free(struct owner_name *names, size_t length);

#endif
