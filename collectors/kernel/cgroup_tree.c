// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"

/* A user who may create cgroups can make the tree deep and wide. */
#define DEPTH_MAX 64
#define DIRECTORIES_MAX 200000u

/* include/linux/exportfs.h: the handle of a kernfs file is its 64-bit id. */
#define FILEID_KERNFS 0xfe

#define ROOT_ID 1u /* in every hierarchy */

static int open_hierarchy(const char *sysfs, const char *below)
{
	char path[PATH_MAX];
	struct statfs status;
	const int length = snprintf(path, sizeof(path), "%s/%s", sysfs, below);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;

	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -EOPNOTSUPP;
	if (fstatfs(fd, &status) < 0 || status.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return -EOPNOTSUPP;
	}
	return fd;
}

int cgroup_tree_open(struct cgroup_tree *tree, const char *sysfs)
{
	int root = open_hierarchy(sysfs, "fs/cgroup");

	if (root == -EOPNOTSUPP)
		root = open_hierarchy(sysfs, "fs/cgroup/unified");
	if (root < 0)
		return root;
	tree->root = root;
	tree->by_handle = true;
	return 0;
}

bool cgroup_tree_is_whole(const struct cgroup_tree *tree)
{
	struct stat status;

	return fstat(tree->root, &status) == 0 && status.st_ino == ROOT_ID;
}

void cgroup_tree_close(struct cgroup_tree *tree)
{
	if (tree->root >= 0)
		close(tree->root);
	tree->root = -1;
}

static int compare(const void *a, const void *b)
{
	const uint64_t first = ((const struct cgroup_path *)a)->id;
	const uint64_t second = ((const struct cgroup_path *)b)->id;

	return first < second ? -1 : first > second;
}

/* Finds the path of a descriptor below the hierarchy. Returns 0, found or not. */
static int path_of(int fd, const char *root, size_t root_length, char **ret_path)
{
	static const char deleted[] = " (deleted)";
	char link[64];
	char path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

	const ssize_t length = readlink(link, path, sizeof(path) - 1);

	if (length < 0)
		return 0;
	path[length] = '\0';
	if (strncmp(path, root, root_length) != 0)
		return 0;
	/* d_path() adds this if the cgroup was removed at this moment. */
	if ((size_t)length >= strlen(deleted) &&
	    strcmp(path + (size_t)length - strlen(deleted), deleted) == 0)
		path[(size_t)length - strlen(deleted)] = '\0';
	*ret_path = strdup(path[root_length] ? path + root_length : "/");
	return *ret_path ? 0 : -ENOMEM;
}

/*
 * Returns 0, found or not; -EPERM if we may not open by id; or -ENOMEM.
 */
static int look_up_by_handle(const struct cgroup_tree *tree, struct cgroup_path *wanted,
    const char *root, size_t root_length)
{
	_Alignas(struct file_handle) char buffer[sizeof(struct file_handle) + sizeof(wanted->id)];
	struct file_handle *handle = (struct file_handle *)buffer;

	handle->handle_bytes = sizeof(wanted->id);
	handle->handle_type = FILEID_KERNFS;
	memcpy(handle->f_handle, &wanted->id, sizeof(wanted->id));

	const cleanup_close int fd = open_by_handle_at(tree->root, handle, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ? -EPERM : 0;
	return path_of(fd, root, root_length, &wanted->path);
}

/* Opens one directory after the other. Returns 0, -EPERM or -ENOMEM. */
static int look_up_all_by_handle(
    const struct cgroup_tree *tree, struct cgroup_path *list, size_t length)
{
	char link[64];
	char root[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", tree->root);

	const ssize_t root_length = readlink(link, root, sizeof(root) - 1);

	int result = root_length < 0 ? -EPERM : 0;

	for (size_t i = 0; i < length && result == 0; i++)
		result = look_up_by_handle(tree, &list[i], root, (size_t)root_length);
	return result;
}

/* A walk over the whole tree, for those in list. */
struct search {
	struct cgroup_path *list;
	size_t length;
	unsigned directories;
	bool out_of_memory;
	char path[PATH_MAX];
};

static void note(struct search *search, uint64_t id)
{
	const struct cgroup_path key = {.id = id};
	struct cgroup_path *wanted =
	    bsearch(&key, search->list, search->length, sizeof(key), compare);

	if (!wanted || wanted->path)
		return;
	wanted->path = strdup(search->path[0] ? search->path : "/");
	if (!wanted->path)
		search->out_of_memory = true;
}

static void walk(struct search *search, int fd, size_t path_length, int depth);

static void descend(
    struct search *search, int parent, const struct dirent *entry, size_t path_length, int depth)
{
	const int added = snprintf(
	    search->path + path_length, sizeof(search->path) - path_length, "/%s", entry->d_name);

	if (added < 0 || (size_t)added >= sizeof(search->path) - path_length)
		return;
	note(search, entry->d_ino);
	search->directories++;

	const int fd =
	    openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Leaves out one that is gone or not readable. */
	if (fd >= 0)
		walk(search, fd, path_length + (size_t)added, depth + 1);
}

static void walk(struct search *search, int fd, size_t path_length, int depth)
{
	DIR *directory = fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (errno == ENOMEM)
			search->out_of_memory = true;
		close(fd);
		return;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream */
	while (search->directories < DIRECTORIES_MAX && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (depth < DEPTH_MAX)
			descend(search, dirfd(directory), entry, path_length, depth);
		search->path[path_length] = '\0';
	}
	closedir(directory);
}

/* Returns 0, whatever was found, or -ENOMEM. */
static int look_up_by_walk(const struct cgroup_tree *tree, struct cgroup_path *list, size_t length)
{
	struct search *search = calloc(1, sizeof(*search));
	const int fd = openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!search || fd < 0) {
		const int result = search ? 0 : -ENOMEM;

		free(search);
		if (fd >= 0)
			close(fd);
		return result;
	}
	search->list = list;
	search->length = length;
	note(search, ROOT_ID);
	walk(search, fd, 0, 0);

	const int result = search->out_of_memory ? -ENOMEM : 0;

	free(search);
	return result;
}

int cgroup_tree_find(struct cgroup_tree *tree, struct cgroup_path *list, size_t length)
{
	qsort(list, length, sizeof(*list), compare);
	if (tree->by_handle) {
		const int result = look_up_all_by_handle(tree, list, length);

		if (result != -EPERM)
			return result;
		tree->by_handle = false;
	}
	return look_up_by_walk(tree, list, length);
}

int cgroup_tree_list_processes(const struct cgroup_tree *tree, const char *path,
    int (*each)(void *context, int pid), void *context)
{
	char name[PATH_MAX];
	int pid;
	int result = 0;
	const int length = snprintf(name, sizeof(name), ".%s/cgroup.procs", path);

	if (length < 0 || (size_t)length >= sizeof(name))
		return 0;

	const int fd = openat(tree->root, name, O_RDONLY | O_CLOEXEC);
	FILE *file cleanup_fclose = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	/* A process outside our pid namespace is listed as 0. */
	while (result == 0 && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			result = each(context, pid);
	return result;
}
