// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/pods.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than a node has. */
#define PODS_MAX 4096u

struct entry {
	char *directory;
	char *namespace_name; /* this one is allocated; the next two are in it */
	const char *name;
	const char *uid;
	char *container; /* as of the last gathering that asked */
	bool is_there;	 /* its directory was in the last reading */
	bool is_asked;	 /* in this gathering */
};

struct pods {
	const char *directory;
	DIR *held;    /* the directory, as it was at the start; NULL: it was not there */
	bool is_read; /* in this gathering */
	struct entry *list;
	size_t length;
	size_t capacity;
};

struct pods *pods_new(const char *directory)
{
	struct pods *pods = calloc(1, sizeof(*pods));

	if (!pods)
		return NULL;
	pods->directory = directory;
	pods->held = directory ? opendir(directory) : NULL;
	return pods;
}

/* NULL: it cannot be read. */
static DIR *open_directory(const struct pods *pods)
{
	DIR *directory = pods->directory ? opendir(pods->directory) : NULL;

	if (directory || !pods->held || errno != EACCES)
		return directory;
	rewinddir(pods->held);
	return pods->held;
}

static void close_directory(const struct pods *pods, DIR *directory)
{
	if (directory != pods->held)
		closedir(directory);
}

bool pods_can_be_read(const struct pods *pods)
{
	DIR *directory = open_directory(pods);

	if (!directory)
		return false;
	close_directory(pods, directory);
	return true;
}

static void free_entry(struct entry *entry)
{
	free(entry->directory);
	free(entry->namespace_name);
	free(entry->container);
}

void pods_free(struct pods *pods)
{
	if (!pods)
		return;
	for (size_t i = 0; i < pods->length; i++)
		free_entry(&pods->list[i]);
	free(pods->list);
	if (pods->held)
		closedir(pods->held);
	free(pods);
}

void pods_begin(struct pods *pods)
{
	size_t kept = 0;

	for (size_t i = 0; i < pods->length; i++) {
		struct entry *entry = &pods->list[i];

		if (!entry->is_there && !entry->is_asked) {
			free_entry(entry);
			continue;
		}
		entry->is_asked = false;
		pods->list[kept++] = *entry;
	}
	pods->length = kept;
	pods->is_read = false;
}

static struct entry *find(struct pods *pods, const char *uid)
{
	for (size_t i = 0; i < pods->length; i++)
		if (strcmp(pods->list[i].uid, uid) == 0)
			return &pods->list[i];
	return NULL;
}

/* The only directory in the pod's, which has the container's name; NULL: none, or several. */
static char *only_container(const char *parent, const char *name)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s/%s", parent, name);
	DIR *directory = length > 0 && (size_t)length < sizeof(path) ? opendir(path) : NULL;
	char *only = NULL;
	size_t count = 0;

	if (!directory)
		return NULL;
	for (struct dirent *each = readdir(directory); each && count < 2;
	     each = readdir(directory)) {
		if (each->d_name[0] == '.')
			continue;
		count++;
		free(only);
		only = strdup(each->d_name);
	}
	closedir(directory);
	if (count == 1)
		return only;
	free(only);
	return NULL;
}

/* Splits NAMESPACE_NAME_UID. Returns whether it has that form. */
static bool split(char *text, const char **ret_name, const char **ret_uid)
{
	char *first = strchr(text, '_');
	char *second = first ? strchr(first + 1, '_') : NULL;

	if (!second || first == text || second == first + 1 || !second[1] ||
	    strchr(second + 1, '_'))
		return false;
	*first = *second = '\0';
	*ret_name = first + 1;
	*ret_uid = second + 1;
	return true;
}

static bool make_room(struct pods *pods)
{
	const size_t capacity = pods->capacity ? pods->capacity * 2 : 32;
	struct entry *list;

	if (pods->length >= PODS_MAX)
		return false;
	if (pods->length < pods->capacity)
		return true;
	list = reallocarray(pods->list, capacity, sizeof(*list));
	if (!list)
		return false;
	pods->list = list;
	pods->capacity = capacity;
	return true;
}

static void add(struct pods *pods, const char *directory)
{
	struct entry entry = {
	    .directory = strdup(directory), .namespace_name = strdup(directory), .is_there = true};
	struct entry *known;

	if (!entry.directory || !entry.namespace_name ||
	    !split(entry.namespace_name, &entry.name, &entry.uid)) {
		free_entry(&entry);
		return;
	}
	known = find(pods, entry.uid);
	if (known) {
		known->is_there = true;
		free_entry(&entry);
	} else if (make_room(pods)) {
		pods->list[pods->length++] = entry;
	} else {
		free_entry(&entry);
	}
}

/* What cannot be read is not known: a name is worth having, but not an error. */
static void read_all(struct pods *pods)
{
	DIR *directory = open_directory(pods);

	for (size_t i = 0; i < pods->length; i++)
		pods->list[i].is_there = false;
	if (!directory)
		return;
	for (struct dirent *each = readdir(directory); each; each = readdir(directory))
		if (each->d_name[0] != '.')
			add(pods, each->d_name);
	close_directory(pods, directory);
}

bool pods_find(struct pods *pods, const char *uid, struct pod *ret_pod)
{
	struct entry *entry = *uid ? find(pods, uid) : NULL;

	if (!entry && *uid && !pods->is_read) {
		pods->is_read = true;
		read_all(pods);
		entry = find(pods, uid);
	}
	if (!entry)
		return false;
	/* The kubelet makes the directories of a pod's containers one after the other. */
	if (!entry->is_asked) {
		free(entry->container);
		entry->container = only_container(pods->directory, entry->directory);
	}
	entry->is_asked = true;
	*ret_pod = (struct pod){entry->namespace_name, entry->name, entry->container};
	return true;
}
