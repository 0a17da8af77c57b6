/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_OWNERS_H
#define EPHEMERA_DESTINATION_OWNERS_H

/*
 * Which cgroups have the active ports of each destination. Most destinations have one owner: it is
 * in the handle that each destination keeps, and takes no further memory. Where there are several,
 * each takes 24 bytes, at most twice that while the table grows.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/tables/owner_table.h"

struct destination_owners;

/* What a destination keeps. 0: it has no active port yet. */
typedef uint32_t destination_owner_handle;

/*
 * limit: how many owners of destinations that have several. Beyond it, an owner is not told from
 * the others. At most 131,072 cgroups are told from each other. NULL: out of memory.
 */
struct destination_owners *destination_owners_new(size_t limit);
/* Forgets all and returns the memory to the system. Handles from before mean nothing any more. */
void destination_owners_clear(struct destination_owners *owners);
void destination_owners_free(struct destination_owners *owners); /* NULL is fine */

/*
 * Counts one active port. before: how many the destination had already. cgroup_id: 0 if the port
 * has no owner. Returns 0 or -ENOMEM.
 */
int destination_owners_add(struct destination_owners *owners, destination_owner_handle *handle,
    unsigned before, uint64_t cgroup_id);

/*
 * Lists the owners of one destination, which has `active` ports, in no order. What is missing from
 * their sum belongs to nobody, or to an owner beyond the limits. The caller frees ret_list. Returns
 * 0 or -ENOMEM.
 */
int destination_owners_list(const struct destination_owners *owners,
    destination_owner_handle handle, unsigned active, struct owner **ret_list, size_t *ret_length);

#endif
