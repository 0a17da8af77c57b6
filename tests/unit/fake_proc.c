// SPDX-License-Identifier: Apache-2.0
#include "fake_proc.h"

#include <stdio.h>

void fake_proc_add(
    struct workspace *proc, int pid, const char *name, const char *command, size_t command_length)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/comm", pid);
	workspace_write(proc, path, name);
	snprintf(path, sizeof(path), "%d/cmdline", pid);
	workspace_write_bytes(proc, path, command, command_length);
	snprintf(path, sizeof(path), "%d/fd", pid);
	workspace_mkdir(proc, path);
}

void fake_proc_open(struct workspace *proc, int pid, int fd, const char *link)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/fd/%d", pid, fd);
	workspace_symlink(proc, path, link);
}

void fake_proc_add_unreadable(struct workspace *proc, int pid)
{
	char path[64];

	/* Root may read any directory, but a file is none. */
	snprintf(path, sizeof(path), "%d/fd", pid);
	workspace_write(proc, path, "");
}
