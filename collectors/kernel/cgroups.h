/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CGROUPS_H
#define EPHEMERA_CGROUPS_H

/*
 * The paths of cgroups by their ids. An id is the inode number of the cgroup's directory in the
 * version 2 hierarchy. A path is remembered as long as it is asked for: a cgroup that is gone keeps
 * its name while it still has sockets. Whoever looks at the same host shares one of these; it is
 * not for several threads at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroups;

/*
 * The hierarchy is looked for below sysfs ("/sys": fs/cgroup, or fs/cgroup/unified if both versions
 * are in use) when it is needed, and again while it is not there: it may be mounted later. sysfs
 * must outlive the result. NULL: out of memory.
 */
struct cgroups *cgroups_new(const char *sysfs);
void cgroups_free(struct cgroups *cgroups); /* NULL is fine */

/*
 * Whether there is a hierarchy, and its root is the host's: in a cgroup namespace, or below a mount
 * of one cgroup, other cgroups have no path.
 */
bool cgroups_are_whole(struct cgroups *cgroups);

/* Returns 0 if there is a hierarchy, -EOPNOTSUPP if there is none, or another -errno. */
int cgroups_find_hierarchy(struct cgroups *cgroups);

/*
 * Resolves ids, each given once: ret_paths[i] is the path of ids[i] below the hierarchy, with a
 * slash at the start; NULL if it is not known, as all are without a hierarchy. Paths are valid
 * until cgroups_forget_old(): further calls leave them alone. With CAP_DAC_READ_SEARCH it opens a
 * directory by id; without, it reads the whole tree, at most once a call and only if an id is new.
 * So ask for many in one call. Returns 0 or -ENOMEM.
 */
int cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths);

/*
 * Forgets what nobody has asked for since the last call of this, nor within five minutes. Call it
 * before each look at the host. In between, up to 200,000 ids are remembered: beyond that, those
 * that were not asked for since the last call go, and if all were, further ids have no path.
 */
void cgroups_forget_old(struct cgroups *cgroups);

/*
 * Calls each for every process in the cgroups of ids, each given once, with its pid in the reader's
 * namespace. A cgroup that is gone or not readable has none. Resolves ids. Returns 0, -ENOMEM, or a
 * negative value from each, which ends it.
 */
int cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context);

#endif
