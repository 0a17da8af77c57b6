// SPDX-License-Identifier: Apache-2.0
#include "fake_cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "unit.h"

int __wrap_fstatfs(int fd, struct statfs *ret_status);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
int __wrap_open_by_handle_at(int mount, struct file_handle *handle, int flags);

bool is_mounted;
unsigned directories_read;

int __wrap_fstatfs(int fd, struct statfs *ret_status)
{
	assert_true(fd >= 0);
	*ret_status = (struct statfs){.f_type = is_mounted ? CGROUP2_SUPER_MAGIC : TMPFS_MAGIC};
	return 0;
}

DIR *__wrap_fdopendir(int fd)
{
	directories_read++;
	return __real_fdopendir(fd);
}

int __wrap_open_by_handle_at(int mount, struct file_handle *handle, int flags)
{
	(void)mount;
	(void)handle;
	(void)flags;
	errno = EPERM;
	return -1;
}

static const char *directory_of(const struct workspace *workspace, const char *path)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "fs/cgroup%s", path);
	return workspace_path(workspace, name);
}

uint64_t fake_cgroup_make(const struct workspace *workspace, const char *path)
{
	const char *directory = directory_of(workspace, path);
	struct stat status;

	workspace_mkdir(workspace, directory + strlen(workspace->path) + 1);
	assert_int_equal(stat(directory, &status), 0);
	return status.st_ino;
}

void fake_cgroup_remove(const struct workspace *workspace, const char *path)
{
	assert_int_equal(rmdir(directory_of(workspace, path)), 0);
}
