// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netns_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NAMES_MAX 65536u

/*
 * Below all numbers of namespaces: PROC_DYNAMIC_FIRST of fs/proc/generic.c is 0xf0000000, and those
 * of uapi/linux/nsfs.h, which the first namespaces have, are just below it.
 */
#define INODE_FIRST 0xefffff00ul
#define INODE_DIGITS 10

void netns_names_release(struct netns_names *names)
{
	for (size_t i = 0; i < names->length; i++)
		free(names->list[i].name);
	free(names->list);
	*names = (struct netns_names){0};
}

bool netns_names_is_number(const char *name)
{
	unsigned long long number;

	if (strlen(name) != INODE_DIGITS || strspn(name, "0123456789") != INODE_DIGITS)
		return false;
	number = strtoull(name, NULL, 10);
	return number >= INODE_FIRST && number <= UINT32_MAX;
}

/*
 * The inode of the namespace that is mounted on the file or that a link leads to; 0: there is none.
 * ip-netns(8) makes the file first, and the file's own inode may be the number of a namespace, so
 * the filesystem counts. O_PATH opens nothing, so it does not matter what else a link leads to.
 */
static uint32_t inode_of(int directory, const char *name)
{
	const int fd = openat(directory, name, O_PATH | O_CLOEXEC);
	struct statfs filesystem;
	struct stat status;
	uint32_t inode = 0;

	if (fd < 0)
		return 0;
	if (fstatfs(fd, &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC &&
	    fstat(fd, &status) == 0)
		inode = (uint32_t)status.st_ino;
	close(fd);
	return inode;
}

static int compare(const void *a, const void *b)
{
	const struct netns_name *first = a;
	const struct netns_name *second = b;

	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	/* A link may lead to the namespace of another process with the pid some day. */
	if (first->is_link != second->is_link)
		return first->is_link ? 1 : -1;
	return strcmp(first->name, second->name);
}

static int add(
    struct netns_names *names, size_t *capacity, uint32_t inode, const struct dirent *entry)
{
	if (names->length == *capacity) {
		const size_t larger = *capacity ? *capacity * 2 : 32;
		struct netns_name *list = reallocarray(names->list, larger, sizeof(*list));

		if (!list)
			return -ENOMEM;
		names->list = list;
		*capacity = larger;
	}
	names->list[names->length] = (struct netns_name){
	    .inode = inode, .name = strdup(entry->d_name), .is_link = entry->d_type == DT_LNK};
	if (!names->list[names->length].name)
		return -ENOMEM;
	names->length++;
	return 0;
}

int netns_names_read(const char *directory, struct netns_names *names)
{
	DIR *open = opendir(directory);
	size_t capacity = 0;
	int result = 0;

	netns_names_release(names);
	if (!open)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (struct dirent *each = readdir(open); each && result == 0 && names->length < NAMES_MAX;
	     each = readdir(open)) {
		const bool is_name = each->d_name[0] != '.' && !netns_names_is_number(each->d_name);
		const uint32_t inode = is_name ? inode_of(dirfd(open), each->d_name) : 0;

		if (inode)
			result = add(names, &capacity, inode, each);
	}
	closedir(open);
	if (names->length)
		qsort(names->list, names->length, sizeof(*names->list), compare);
	return result;
}

static int compare_inode(const void *key, const void *entry)
{
	const uint32_t inode = *(const uint32_t *)key;
	const struct netns_name *name = entry;

	return inode < name->inode ? -1 : inode > name->inode;
}

const char *netns_names_find(const struct netns_names *names, uint32_t inode)
{
	const struct netns_name *found = names->length ? bsearch(&inode, names->list, names->length,
							     sizeof(*names->list), compare_inode)
						       : NULL;

	while (found && found > names->list && found[-1].inode == inode)
		found--;
	return found ? found->name : NULL;
}
