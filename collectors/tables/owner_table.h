/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_TABLE_H
#define EPHEMERA_OWNER_TABLE_H

/* Ports, or other counts, by cgroup id: 16 bytes each, at most 131,072 of them. */

#include <stddef.h>
#include <stdint.h>

struct owner {
	uint64_t cgroup_id;
	uint64_t count;
};

struct owner_table;

/* NULL: out of memory. */
struct owner_table *owner_table_new(void);
void owner_table_clear(struct owner_table *table);
void owner_table_free(struct owner_table *table); /* NULL is fine */

/* Counts one port for the cgroup, whose id is not 0. Returns 0 or -ENOMEM. */
int owner_table_add(struct owner_table *table, uint64_t cgroup_id);

/* The ports of cgroups for which there was no place. */
unsigned long owner_table_untracked(const struct owner_table *table);

/* A copy of all entries, in no order; the caller frees it. NULL: out of memory. */
struct owner *owner_table_list(const struct owner_table *table, size_t *ret_length);

#endif
