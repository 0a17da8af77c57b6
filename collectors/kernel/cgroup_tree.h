/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CGROUP_TREE_H
#define EPHEMERA_CGROUP_TREE_H

/* The version 2 hierarchy of cgroups. It remembers no names: cgroups.h does. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_tree {
	int root;	/* the hierarchy's directory; -1: not open */
	bool by_handle; /* the kernel has not refused opening by id */
};

struct cgroup_path {
	uint64_t id;
	char *path; /* NULL: not found */
};

/* Returns 0, -EOPNOTSUPP if there is no hierarchy below sysfs, or another -errno. */
int cgroup_tree_open(struct cgroup_tree *tree, const char *sysfs);
bool cgroup_tree_is_whole(const struct cgroup_tree *tree); /* its root is the host's */
void cgroup_tree_close(struct cgroup_tree *tree);	   /* not open is fine */

/*
 * Sorts list by id, and finds its paths, which are NULL before. With CAP_DAC_READ_SEARCH it opens a
 * directory by id; without, it reads the whole tree once. Returns 0, whatever was found, or
 * -ENOMEM. The caller frees the paths in any case.
 */
int cgroup_tree_find(struct cgroup_tree *tree, struct cgroup_path *list, size_t length);

/* Returns 0, also if the cgroup is gone, or a negative value from each, which ends it. */
int cgroup_tree_list_processes(const struct cgroup_tree *tree, const char *path,
    int (*each)(void *context, int pid), void *context);

#endif
