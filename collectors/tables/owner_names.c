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

static int name_one(struct owner_name *name, const struct owner *owner, const char *path)
{
	name->count = owner->count;
	if (path)
		name->path = strdup(path);
	/* It was gone before we saw it, or there is no hierarchy: use its id. */
	else if (asprintf(&name->path, "id:%llu", (unsigned long long)owner->cgroup_id) < 0)
		name->path = NULL;
	return name->path ? 0 : -ENOMEM;
}

static int name_all(
    struct cgroups *cgroups, const struct owner *list, size_t length, struct owner_name *names)
{
	cleanup_free uint64_t *ids = calloc(length ? length : 1, sizeof(*ids));
	cleanup_free const char **paths = calloc(length ? length : 1, sizeof(*paths));
	int result = 0;

	if (!ids || !paths)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++)
		ids[i] = list[i].cgroup_id;
	if (cgroups)
		result = cgroups_resolve(cgroups, ids, length, paths);
	for (size_t i = 0; i < length && result == 0; i++)
		result = name_one(&names[i], &list[i], paths[i]);
	return result;
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

int owner_names_list(struct cgroups *cgroups, const struct owner *list, size_t *length,
    struct owner_name **ret_names)
{
	struct owner_name *names = calloc(*length ? *length : 1, sizeof(*names));
	const int result = names ? name_all(cgroups, list, *length, names) : -ENOMEM;

	if (result < 0) {
		owner_names_free(names, *length);
		return result;
	}
	*length = merge(names, *length);
	*ret_names = names;
	return 0;
}
