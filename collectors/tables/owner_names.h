/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_NAMES_H
#define EPHEMERA_OWNER_NAMES_H

/*
 * What cgroups have, by their paths: a service that was restarted has a new cgroup at the path of
 * the old one, and both count as one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/tables/owner_table.h"

struct owner_name {
	char *path; /* "id:NUMBER" if the path is unknown: the cgroup may be gone */
	uint64_t count;
};

/* Whether the path is one. */
static inline bool owner_name_is_known(const struct owner_name *name)
{
	return name->path[0] == '/';
}

/*
 * Finds the paths of list, where each id stands once, and the sum for each path, the most first.
 * *length: of list; set to the number of names. Returns 0 or -ENOMEM.
 */
int owner_names_list(struct cgroups *cgroups, const struct owner *list, size_t *length,
    struct owner_name **ret_names);
void owner_names_free(struct owner_name *names, size_t length);

/* One of several lists, and what comes of it. */
struct owned {
	const struct owner *owners;
	size_t owners_length;
	struct owner_name *names; /* NULL before */
	size_t length;
};

/*
 * The same for several lists with one look at the hierarchy; each id stands once in a list. The
 * caller frees the names of each list, also after an error. Returns 0 or -ENOMEM.
 */
int owner_names_lists(struct cgroups *cgroups, struct owned *lists, size_t length);

#endif
