// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/owner_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"

static int compare_paths(const void *first, const void *second)
{
	return strcmp(
	    ((const struct owner_name *)first)->path, ((const struct owner_name *)second)->path);
}

static int compare_counts(const void *first, const void *second)
{
	const struct owner_name *a = first;
	const struct owner_name *b = second;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return compare_paths(a, b);
}

void owner_names_free(struct owner_name *names, size_t length)
{
	for (size_t i = 0; names && i < length; i++)
		free(names[i].path);
	free(names);
}

static int compare_ids(const void *first, const void *second)
{
	const uint64_t a = *(const uint64_t *)first;
	const uint64_t b = *(const uint64_t *)second;

	return a < b ? -1 : a > b;
}

/* The paths of all cgroups, each once, sorted by their ids. */
struct paths {
	uint64_t *ids;
	const char **list; /* NULL: unknown */
	size_t length;
};

static void free_paths(struct paths *paths)
{
	free(paths->ids);
	free(paths->list);
}

/* Returns 0 or -ENOMEM. The caller frees them in any case. */
static int find_paths(
    struct cgroups *cgroups, const struct owned *lists, size_t length, struct paths *paths)
{
	size_t all = 0;

	for (size_t i = 0; i < length; i++)
		all += lists[i].owners_length;
	paths->ids = calloc(all ? all : 1, sizeof(*paths->ids));
	paths->list = calloc(all ? all : 1, sizeof(*paths->list));
	if (!paths->ids || !paths->list)
		return -ENOMEM;
	all = 0;
	for (size_t i = 0; i < length; i++)
		for (size_t j = 0; j < lists[i].owners_length; j++)
			paths->ids[all++] = lists[i].owners[j].cgroup_id;
	qsort(paths->ids, all, sizeof(*paths->ids), compare_ids);
	for (size_t i = 0; i < all; i++)
		if (i == 0 || paths->ids[i] != paths->ids[paths->length - 1])
			paths->ids[paths->length++] = paths->ids[i];
	return cgroups_resolve(cgroups, paths->ids, paths->length, paths->list);
}

static int name_one(struct owner_name *name, const struct owner *owner, const struct paths *paths)
{
	const uint64_t *id =
	    bsearch(&owner->cgroup_id, paths->ids, paths->length, sizeof(*id), compare_ids);
	const char *path = id ? paths->list[id - paths->ids] : NULL;

	name->count = owner->count;
	if (path)
		name->path = strdup(path);
	/* It was gone before we saw it, or there is no hierarchy: use its id. */
	else if (asprintf(&name->path, "id:%llu", (unsigned long long)owner->cgroup_id) < 0)
		name->path = NULL;
	return name->path ? 0 : -ENOMEM;
}

/* Returns how many are left. */
static size_t merge(struct owner_name *names, size_t length)
{
	size_t last = 0;

	if (length == 0)
		return 0;
	qsort(names, length, sizeof(*names), compare_paths);
	for (size_t i = 1; i < length; i++) {
		if (compare_paths(&names[last], &names[i]) == 0) {
			names[last].count += names[i].count;
			free(names[i].path);
		} else {
			names[++last] = names[i];
		}
		if (last != i)
			names[i].path = NULL;
	}
	qsort(names, last + 1, sizeof(*names), compare_counts);
	return last + 1;
}

static int name_list(struct owned *owned, const struct paths *paths)
{
	const size_t length = owned->owners_length;
	int result = 0;

	owned->names = calloc(length ? length : 1, sizeof(*owned->names));
	if (!owned->names)
		return -ENOMEM;
	owned->length = length;
	for (size_t i = 0; i < length && result == 0; i++)
		result = name_one(&owned->names[i], &owned->owners[i], paths);
	if (result == 0)
		owned->length = merge(owned->names, length);
	return result;
}

int owner_names_lists(struct cgroups *cgroups, struct owned *lists, size_t length)
{
	struct paths paths = {.ids = NULL};
	int result = find_paths(cgroups, lists, length, &paths);

	for (size_t i = 0; i < length && result == 0; i++)
		result = name_list(&lists[i], &paths);
	free_paths(&paths);
	return result;
}

int owner_names_list(struct cgroups *cgroups, const struct owner *list, size_t *length,
    struct owner_name **ret_names)
{
	struct owned owned = {.owners = list, .owners_length = *length};
	const int result = owner_names_lists(cgroups, &owned, 1);

	if (result < 0) {
		owner_names_free(owned.names, owned.length);
		return result;
	}
	*length = owned.length;
	*ret_names = owned.names;
	return 0;
}
