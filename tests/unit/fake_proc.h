/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAKE_PROC_H
#define EPHEMERA_FAKE_PROC_H

/* A /proc of processes that do not exist, in a workspace. */

#include "workspace.h"

/* A process with that name and command line, of which length bytes are given. */
void fake_proc_add(
    struct workspace *proc, int pid, const char *name, const char *command, size_t command_length);
/* One of its descriptors: what the link says, such as "socket:[7]". */
void fake_proc_open(struct workspace *proc, int pid, int fd, const char *link);
/* A process whose descriptors are not ours to read, for whatever user runs the test. */
void fake_proc_add_unreadable(struct workspace *proc, int pid);

#endif
