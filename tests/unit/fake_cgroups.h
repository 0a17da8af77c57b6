/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAKE_CGROUPS_H
#define EPHEMERA_FAKE_CGROUPS_H

/*
 * Directories that pass for a hierarchy of version 2, in a test that wraps fstatfs(), fdopendir()
 * and open_by_handle_at(), which is refused. So the tree is read.
 */

#include <stdbool.h>
#include <stdint.h>

#include "workspace.h"

extern bool is_mounted;		  /* whether directories are a hierarchy */
extern unsigned directories_read; /* so far */

/* Makes one below the workspace's fs/cgroup. Returns its id. */
uint64_t fake_cgroup_make(const struct workspace *workspace, const char *path);
void fake_cgroup_remove(const struct workspace *workspace, const char *path);

#endif
