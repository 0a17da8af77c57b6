// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/owner_filter.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/pods.h"
#include "collectors/kernel/procfs.h"
#include "collectors/views/owner_match.h"

#define COMM_LENGTH 15 /* the kernel cuts longer names of processes */
#define CGROUPS_MAX 1024
#define COMM_LIMIT 64
#define CGROUP_LIMIT 16384

struct owner_filter {
	const char *name;
	const char *procfs;
	int pid; /* -1: the name is no number */
	struct pods *pods;
	size_t length;
	char *cgroups[CGROUPS_MAX]; /* of its processes */
};

struct owner_filter *owner_filter_new(const char *name, const char *procfs, const char *pods)
{
	struct owner_filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return NULL;
	filter->name = name;
	filter->procfs = procfs;
	filter->pid = procfs_number(name);
	filter->pods = pods_new(pods);
	if (!filter->pods) {
		free(filter);
		return NULL;
	}
	return filter;
}

static void forget(struct owner_filter *filter)
{
	for (size_t i = 0; i < filter->length; i++)
		free(filter->cgroups[i]);
	filter->length = 0;
}

void owner_filter_free(struct owner_filter *filter)
{
	if (!filter)
		return;
	forget(filter);
	pods_free(filter->pods);
	free(filter);
}

bool owner_filter_has_process(const struct owner_filter *filter, const char *name, int pid)
{
	if (pid == filter->pid || strcmp(name, filter->name) == 0)
		return true;
	return strlen(filter->name) > COMM_LENGTH && strlen(name) == COMM_LENGTH &&
	       strncmp(name, filter->name, COMM_LENGTH) == 0;
}

bool owner_filter_has_cgroup(const struct owner_filter *filter, const char *path)
{
	if (!path)
		return false;
	for (size_t i = 0; i < filter->length; i++)
		if (strcmp(filter->cgroups[i], path) == 0)
			return true;
	return owner_matches(filter->name, path, filter->pods);
}

/* Keeps the cgroup of that process. A process that has ended has none. */
static int add_cgroup(struct owner_filter *filter, const char *pid)
{
	cleanup_free char *text = NULL;
	char name[NAME_MAX + 8];
	const char *line;
	size_t length;

	snprintf(name, sizeof(name), "%s/cgroup", pid);
	if (procfs_read_start(filter->procfs, name, CGROUP_LIMIT, &text, &length) < 0)
		return 0;
	/* Version 2's line; those of version 1 come before it. */
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line || filter->length == CGROUPS_MAX)
		return 0;
	line = strchr(line, '/');
	if (!line)
		return 0;
	filter->cgroups[filter->length] = strndup(line, strcspn(line, "\n"));
	if (!filter->cgroups[filter->length])
		return -ENOMEM;
	for (size_t i = 0; i < filter->length; i++) {
		if (strcmp(filter->cgroups[i], filter->cgroups[filter->length]) != 0)
			continue;
		free(filter->cgroups[filter->length]);
		return 0;
	}
	filter->length++;
	return 0;
}

static bool is_asked(const struct owner_filter *filter, const char *pid)
{
	char name[NAME_MAX + 8];
	char comm[COMM_LIMIT + 2];
	size_t length;

	snprintf(name, sizeof(name), "%s/comm", pid);
	if (procfs_read_into(filter->procfs, name, COMM_LIMIT, comm, &length) < 0)
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	return owner_filter_has_process(filter, comm, procfs_number(pid));
}

static int find_cgroups(struct owner_filter *filter)
{
	DIR *entries = opendir(filter->procfs);
	const struct dirent *entry;
	int result = 0;

	while (entries && result == 0 && (entry = readdir(entries)))
		if (procfs_number(entry->d_name) > 0 && is_asked(filter, entry->d_name))
			result = add_cgroup(filter, entry->d_name);
	if (entries)
		closedir(entries);
	return result;
}

int owner_filter_begin(struct owner_filter *filter, bool with_processes)
{
	pods_begin(filter->pods);
	forget(filter);
	return with_processes ? find_cgroups(filter) : 0;
}
