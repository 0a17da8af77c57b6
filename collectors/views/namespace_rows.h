/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACE_ROWS_H
#define EPHEMERA_NAMESPACE_ROWS_H

/* All network namespaces of the host for people, the fullest first. */

#include "collectors/kernel/walk.h"
#include "collectors/namespaces.h"

struct namespace_row {
	struct netns_labels labels;
	uint32_t id; /* these three: see struct walk_namespace */
	uint32_t inode;
	uint32_t flags;
	struct survey_result result;
};

struct namespace_rows {
	size_t length;
	struct namespace_row list[];
};

/*
 * Walks over the sockets of all namespaces, once. source: with a walk. pods: such as
 * "/var/log/pods"; names: such as "/run/netns". Returns 0; -EOPNOTSUPP: the walk was given up; or
 * another -errno. The caller frees the rows with namespace_rows_free().
 */
int namespace_rows_read(const struct source_options *source, const char *sysfs, const char *pods,
    const char *names, struct namespace_rows **ret_rows);
/*
 * Lists them without a look at their sockets: only id, inode and flags are set, in no order.
 * Returns 0, -ENOMEM or as walk_list_namespaces(). Freed as above.
 */
int namespace_rows_list(struct walk *walk, struct namespace_rows **ret_rows);
void namespace_rows_free(struct namespace_rows *rows); /* NULL is fine */

/* Takes the namespaces of a gathering, with their labels, which it loses. NULL: out of memory. */
struct namespace_rows *namespace_rows_take(struct namespaces *namespaces);

/*
 * The same of a gatherer that is used again: the labels stay its own, and are valid until the next
 * gathering. The caller frees the rows with free().
 */
struct namespace_rows *namespace_rows_borrow(const struct namespaces *namespaces);

/* One of these rows. */
struct namespace_row namespace_row_of(const struct netns *netns);

/* The order of the rows: by ratio, then by used ports, then by sockets. For qsort(). */
int namespace_rows_compare(const void *a, const void *b);

#endif
