// SPDX-License-Identifier: Apache-2.0
#include "workspace.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	abort();
}

void workspace_make(struct workspace *workspace)
{
	const char *parent = getenv("TMPDIR");

	snprintf(workspace->path, sizeof(workspace->path), "%s/ephemera-test-XXXXXX",
	    parent && *parent ? parent : "/tmp");
	if (!mkdtemp(workspace->path))
		die(workspace->path);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

void workspace_remove(struct workspace *workspace)
{
	if (nftw(workspace->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		die(workspace->path);
}

const char *workspace_path(const struct workspace *workspace, const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", workspace->path, name);
	return path;
}

static void make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			die(path);
		*slash = '/';
	}
}

void workspace_write_bytes(
    const struct workspace *workspace, const char *name, const void *bytes, size_t length)
{
	char *path = strdup(workspace_path(workspace, name));

	if (!path)
		die(name);
	make_directories(path);

	FILE *file = fopen(path, "we");

	if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
		die(path);
	free(path);
}

void workspace_write(const struct workspace *workspace, const char *name, const char *text)
{
	workspace_write_bytes(workspace, name, text, strlen(text));
}

void workspace_mkdir(const struct workspace *workspace, const char *name)
{
	char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/", workspace_path(workspace, name));
	make_directories(path);
}

void workspace_symlink(const struct workspace *workspace, const char *name, const char *target)
{
	char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s", workspace_path(workspace, name));
	make_directories(path);
	if (symlink(target, path) < 0)
		die(path);
}

void workspace_unlink(const struct workspace *workspace, const char *name)
{
	if (remove(workspace_path(workspace, name)) < 0)
		die(name);
}

void workspace_write_settings(const struct workspace *workspace, const char *range)
{
	workspace_write(workspace, "sys/net/ipv4/ip_local_port_range", range);
	workspace_write(workspace, "sys/net/ipv4/ip_local_reserved_ports", "\n");
	workspace_write(workspace, "sys/net/ipv4/ip_unprivileged_port_start", "1024\n");
	workspace_write(workspace, "sys/net/ipv4/tcp_tw_reuse", "2\n");
	workspace_write(workspace, "sys/net/ipv4/tcp_tw_reuse_delay", "1000\n");
	workspace_write(workspace, "sys/net/ipv4/tcp_timestamps", "1\n");
	workspace_write(workspace, "sys/net/ipv4/tcp_fin_timeout", "60\n");
	workspace_write(workspace, "sys/net/ipv6/bindv6only", "0\n");
}
