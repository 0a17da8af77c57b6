// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"

/* A user who may create cgroups can make the tree deep and wide. */
#define DEPTH_MAX 64
#define DIRECTORIES_MAX 200000u

/* include/linux/exportfs.h: the handle of a kernfs file is its 64-bit id. */
#define FILEID_KERNFS 0xfe

struct known {
	uint64_t id;
	char *path; /* NULL: looked for and not found */
};

struct cgroups {
	int root;	/* the hierarchy's directory */
	bool by_handle; /* the kernel has not refused opening by id */
	size_t length;
	struct known *known; /* sorted by id: those of the last call */
};

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

int cgroups_new(const char *sysfs, struct cgroups **ret_cgroups)
{
	int root = open_hierarchy(sysfs, "fs/cgroup");

	if (root == -EOPNOTSUPP)
		root = open_hierarchy(sysfs, "fs/cgroup/unified");
	if (root < 0)
		return root;

	struct cgroups *cgroups = calloc(1, sizeof(*cgroups));

	if (!cgroups) {
		close(root);
		return -ENOMEM;
	}
	cgroups->root = root;
	cgroups->by_handle = true;
	*ret_cgroups = cgroups;
	return 0;
}

static void free_known(struct known *known, size_t length)
{
	for (size_t i = 0; i < length; i++)
		free(known[i].path);
	free(known);
}

void cgroups_free(struct cgroups *cgroups)
{
	if (!cgroups)
		return;
	free_known(cgroups->known, cgroups->length);
	close(cgroups->root);
	free(cgroups);
}

static int compare_known(const void *a, const void *b)
{
	const uint64_t first = ((const struct known *)a)->id;
	const uint64_t second = ((const struct known *)b)->id;

	return first < second ? -1 : first > second;
}

static struct known *find(struct known *known, size_t length, uint64_t id)
{
	const struct known key = {.id = id};

	return known ? bsearch(&key, known, length, sizeof(*known), compare_known) : NULL;
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
static int look_up_by_handle(
    const struct cgroups *cgroups, struct known *known, const char *root, size_t root_length)
{
	_Alignas(struct file_handle) char buffer[sizeof(struct file_handle) + sizeof(known->id)];
	struct file_handle *handle = (struct file_handle *)buffer;

	handle->handle_bytes = sizeof(known->id);
	handle->handle_type = FILEID_KERNFS;
	memcpy(handle->f_handle, &known->id, sizeof(known->id));

	const cleanup_close int fd = open_by_handle_at(cgroups->root, handle, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ? -EPERM : 0;
	return path_of(fd, root, root_length, &known->path);
}

/* Opens one directory after the other. Returns 0, -EPERM or -ENOMEM. */
static int look_up_all_by_handle(
    struct cgroups *cgroups, struct known *list, size_t length, const bool *is_new)
{
	char link[64];
	char root[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", cgroups->root);

	const ssize_t root_length = readlink(link, root, sizeof(root) - 1);

	int result = root_length < 0 ? -EPERM : 0;

	for (size_t i = 0; i < length && result == 0; i++)
		if (is_new[i])
			result = look_up_by_handle(cgroups, &list[i], root, (size_t)root_length);
	return result;
}

/* A walk over the whole tree, for the new ones in list. */
struct search {
	struct known *list;
	size_t length;
	const bool *is_new;
	unsigned directories;
	bool out_of_memory;
	char path[PATH_MAX];
};

static void note(struct search *search, uint64_t id)
{
	struct known *known = find(search->list, search->length, id);

	if (!known || !search->is_new[known - search->list] || known->path)
		return;
	known->path = strdup(search->path[0] ? search->path : "/");
	if (!known->path)
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
static int look_up_by_walk(
    struct cgroups *cgroups, struct known *list, size_t length, const bool *is_new)
{
	struct search *search = calloc(1, sizeof(*search));
	struct known *root;
	const int fd = openat(cgroups->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!search || fd < 0) {
		const int result = search ? 0 : -ENOMEM;

		free(search);
		if (fd >= 0)
			close(fd);
		return result;
	}
	search->list = list;
	search->length = length;
	search->is_new = is_new;
	root = find(list, length, 1); /* the root's id, in every hierarchy */
	if (root)
		note(search, root->id);
	walk(search, fd, 0, 0);

	const int result = search->out_of_memory ? -ENOMEM : 0;

	free(search);
	return result;
}

/* Moves the known paths over. Returns whether something is new. */
static bool take_over(struct cgroups *cgroups, struct known *list, size_t length, bool *ret_is_new)
{
	bool any = false;

	for (size_t i = 0; i < length; i++) {
		struct known *before = find(cgroups->known, cgroups->length, list[i].id);

		ret_is_new[i] = !before;
		any = any || !before;
		if (!before)
			continue;
		list[i].path = before->path;
		before->path = NULL;
	}
	return any;
}

/* A path that could not be kept must not look like a cgroup that is gone. */
static int look_up(struct cgroups *cgroups, struct known *list, size_t length, const bool *is_new)
{
	if (cgroups->by_handle) {
		const int result = look_up_all_by_handle(cgroups, list, length, is_new);

		if (result != -EPERM)
			return result;
		cgroups->by_handle = false;
	}
	return look_up_by_walk(cgroups, list, length, is_new);
}

/* Drops those without a path, to look for them again next time. Returns how many are left. */
static size_t keep_found(struct known *list, size_t length)
{
	size_t kept = 0;

	for (size_t i = 0; i < length; i++)
		if (list[i].path)
			list[kept++] = list[i];
	return kept;
}

int cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths)
{
	struct known *list = calloc(length ? length : 1, sizeof(*list));
	cleanup_free bool *is_new = calloc(length ? length : 1, sizeof(*is_new));

	if (!list || !is_new) {
		free(list);
		return -ENOMEM;
	}
	for (size_t i = 0; i < length; i++)
		list[i].id = ids[i];
	qsort(list, length, sizeof(*list), compare_known);

	int result = 0;

	if (take_over(cgroups, list, length, is_new))
		result = look_up(cgroups, list, length, is_new);
	free_known(cgroups->known, cgroups->length);
	cgroups->known = list;
	cgroups->length = result < 0 ? keep_found(list, length) : length;
	if (result < 0)
		return result;
	for (size_t i = 0; i < length; i++)
		ret_paths[i] = find(list, length, ids[i])->path;
	return 0;
}

static int list_processes(
    int root, const char *path, int (*each)(void *context, int pid), void *context)
{
	char name[PATH_MAX];
	int pid;
	int result = 0;
	const int length = snprintf(name, sizeof(name), ".%s/cgroup.procs", path);

	if (length < 0 || (size_t)length >= sizeof(name))
		return 0;

	const int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
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

int cgroups_list_processes(struct cgroups *cgroups, const uint64_t *ids, size_t length,
    int (*each)(void *context, int pid), void *context)
{
	cleanup_free const char **paths = calloc(length ? length : 1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;

	int result = cgroups_resolve(cgroups, ids, length, paths);

	for (size_t i = 0; i < length && result == 0; i++)
		if (paths[i])
			result = list_processes(cgroups->root, paths[i], each, context);
	return result;
}
