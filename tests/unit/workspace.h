/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WORKSPACE_H
#define EPHEMERA_WORKSPACE_H

/* A directory of a test's own, gone when the test ends. */

#include <limits.h>
#include <stddef.h>

struct workspace {
	char path[PATH_MAX];
};

/* Both end the test where they cannot do it. */
void workspace_make(struct workspace *workspace);
void workspace_remove(struct workspace *workspace);

/* Writes a file, and the directories above it. */
void workspace_write(const struct workspace *workspace, const char *name, const char *text);
void workspace_write_bytes(
    const struct workspace *workspace, const char *name, const void *bytes, size_t length);
/* Makes a directory, and those above it. */
void workspace_mkdir(const struct workspace *workspace, const char *name);
/* A symbolic link, which may lead nowhere, and the directories above it. */
void workspace_symlink(const struct workspace *workspace, const char *name, const char *target);
void workspace_unlink(const struct workspace *workspace, const char *name);

/* PATH/NAME, for this call and the seven after it. */
const char *workspace_path(const struct workspace *workspace, const char *name);

/* What a namespace of Linux 6.18 is set to, the range aside, as files below sys/net/ipv4. */
void workspace_write_settings(const struct workspace *workspace, const char *range);

#endif
