/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CGROUPS_H
#define EPHEMERA_CGROUPS_H

/*
 * The paths of cgroups by their ids. An id is the inode number of the cgroup's directory in
 * the version 2 hierarchy. What was found is remembered for as long as it is asked for, so
 * that a cgroup which is gone keeps its name for what it still holds.
 */

#include <stddef.h>
#include <stdint.h>

struct cgroups;

/*
 * Finds the version 2 hierarchy below sysfs ("/sys": fs/cgroup, or fs/cgroup/unified where
 * both versions are in use). Returns 0, -EOPNOTSUPP where there is none, or -errno.
 */
int cgroups_new(const char *sysfs, struct cgroups **ret_cgroups);
void cgroups_free(struct cgroups *cgroups); /* NULL is fine */

/*
 * Resolves ids, each given once: ret_paths[i] is the path of ids[i] below the hierarchy,
 * beginning with a slash, or NULL where no such cgroup is known. Paths are valid until the
 * next call. Asking the kernel for one directory takes CAP_DAC_READ_SEARCH; without it the
 * whole tree is read, at most once a call and only where an id is new.
 * Returns 0 or -ENOMEM.
 */
int cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths);

/*
 * Calls each for every process in the cgroups of ids, each given once, by its pid as the
 * reader sees it. A cgroup that is gone, or not ours to read, has none. It resolves ids, and
 * so ends the life of paths.
 * Returns 0, -ENOMEM, or what each returned, which ends it where negative.
 */
int cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context);

#endif
