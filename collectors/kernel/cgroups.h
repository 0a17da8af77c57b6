/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CGROUPS_H
#define EPHEMERA_CGROUPS_H

/*
 * The paths of cgroups by their ids. An id is the inode number of the cgroup's directory in the
 * version 2 hierarchy. A path is remembered as long as it is asked for: a cgroup that is gone keeps
 * its name while it still has sockets.
 */

#include <stddef.h>
#include <stdint.h>

struct cgroups;

/*
 * Finds the version 2 hierarchy below sysfs ("/sys": fs/cgroup, or fs/cgroup/unified if both
 * versions are in use). Returns 0, -EOPNOTSUPP if there is none, or another -errno.
 */
int cgroups_new(const char *sysfs, struct cgroups **ret_cgroups);
void cgroups_free(struct cgroups *cgroups); /* NULL is fine */

/*
 * Resolves ids, each given once: ret_paths[i] is the path of ids[i] below the hierarchy, with a
 * slash at the start; NULL if it is not known. Paths are valid until the next call. With
 * CAP_DAC_READ_SEARCH it opens a directory by id; without, it reads the whole tree, at most once a
 * call and only if an id is new. Returns 0 or -ENOMEM.
 */
int cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths);

/*
 * Calls each for every process in the cgroups of ids, each given once, with its pid in the reader's
 * namespace. A cgroup that is gone or not readable has none. Resolves ids, so earlier paths become
 * invalid. Returns 0, -ENOMEM, or a negative value from each, which ends it.
 */
int cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context);

#endif
