// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroups.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "collectors/kernel/cgroup_tree.h"
#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"

/* A query of Prometheus looks back as long. */
#define KEPT_SECONDS 300
/* As many as one read of the tree finds. */
#define KNOWN_MAX 200000u

struct known {
	uint64_t id;
	char *path; /* NULL: looked for and not found */
	time_t asked;
	bool is_asked; /* since cgroups_forget_old(): somebody may use the path */
};

struct cgroups {
	const char *sysfs;
	struct cgroup_tree tree;
	size_t length;
	struct known *known; /* sorted by id */
};

struct cgroups *cgroups_new(const char *sysfs)
{
	struct cgroups *cgroups = calloc(1, sizeof(*cgroups));

	if (!cgroups)
		return NULL;
	cgroups->sysfs = sysfs;
	cgroups->tree.root = -1;
	return cgroups;
}

void cgroups_free(struct cgroups *cgroups)
{
	if (!cgroups)
		return;
	for (size_t i = 0; i < cgroups->length; i++)
		free(cgroups->known[i].path);
	free(cgroups->known);
	cgroup_tree_close(&cgroups->tree);
	free(cgroups);
}

int cgroups_find_hierarchy(struct cgroups *cgroups)
{
	return cgroups->tree.root >= 0 ? 0 : cgroup_tree_open(&cgroups->tree, cgroups->sysfs);
}

bool cgroups_are_whole(struct cgroups *cgroups)
{
	return cgroups_find_hierarchy(cgroups) == 0 && cgroup_tree_is_whole(&cgroups->tree);
}

static int compare_known(const void *a, const void *b)
{
	const uint64_t first = ((const struct known *)a)->id;
	const uint64_t second = ((const struct known *)b)->id;

	return first < second ? -1 : first > second;
}

static struct known *find(const struct cgroups *cgroups, uint64_t id)
{
	const struct known key = {.id = id};

	if (cgroups->length == 0)
		return NULL;
	return bsearch(&key, cgroups->known, cgroups->length, sizeof(key), compare_known);
}

/* Makes the array as long as it has to be. If it cannot be cut, it stays. */
static int resize(struct cgroups *cgroups, size_t length)
{
	struct known *resized = reallocarray(cgroups->known, length ? length : 1, sizeof(*resized));

	if (!resized)
		return -ENOMEM;
	cgroups->known = resized;
	return 0;
}

/*
 * Drops those that nobody has asked for since then, nor since the last cgroups_forget_old(); `most`
 * of them at most.
 */
static void drop(struct cgroups *cgroups, time_t since, size_t most)
{
	const size_t before = cgroups->length;
	size_t kept = 0;

	for (size_t i = 0; i < before; i++) {
		struct known *known = &cgroups->known[i];

		if (known->is_asked || known->asked >= since || i - kept == most)
			cgroups->known[kept++] = *known;
		else
			free(known->path);
	}
	cgroups->length = kept;
	if (kept < before)
		(void)resize(cgroups, kept);
}

void cgroups_forget_old(struct cgroups *cgroups)
{
	drop(cgroups, clock_now().tv_sec - KEPT_SECONDS, SIZE_MAX);
	for (size_t i = 0; i < cgroups->length; i++)
		cgroups->known[i].is_asked = false;
}

/* Adds list, sorted like what is known, of which it has none. */
static void merge(
    struct cgroups *cgroups, const struct cgroup_path *list, size_t length, time_t now)
{
	size_t old = cgroups->length;

	cgroups->length += length;
	/* From the end, where there is room. */
	for (size_t at = cgroups->length; length > 0;) {
		if (old > 0 && cgroups->known[old - 1].id > list[length - 1].id) {
			cgroups->known[--at] = cgroups->known[--old];
			continue;
		}
		length--;
		cgroups->known[--at] = (struct known){
		    .id = list[length].id,
		    .path = list[length].path,
		    .asked = now,
		    .is_asked = true,
		};
	}
}

/* What could not be looked for must not look like a cgroup that is gone. */
static size_t keep_found(struct cgroup_path *list, size_t length)
{
	size_t kept = 0;

	for (size_t i = 0; i < length; i++)
		if (list[i].path)
			list[kept++] = list[i];
	return kept;
}

static void free_paths(struct cgroup_path *list, size_t length)
{
	for (size_t i = 0; i < length; i++)
		free(list[i].path);
}

/*
 * Looks up those in list, which are not known. What else a read of the tree meets is not kept,
 * since nobody may ever ask for it; so each call that brings a new id may read it. Returns 0 or
 * -ENOMEM.
 */
static int learn(struct cgroups *cgroups, struct cgroup_path *list, size_t length, time_t now)
{
	int result;

	if (cgroups->length + length > KNOWN_MAX)
		drop(cgroups, now + 1, cgroups->length + length - KNOWN_MAX);
	if (cgroups->length + length > KNOWN_MAX)
		length = KNOWN_MAX - cgroups->length;
	if (length == 0)
		return 0;
	result = cgroup_tree_find(&cgroups->tree, list, length);
	if (result < 0)
		length = keep_found(list, length);
	if (resize(cgroups, cgroups->length + length) < 0) {
		free_paths(list, length);
		return -ENOMEM;
	}
	merge(cgroups, list, length, now);
	return result;
}

int cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths)
{
	const time_t now = clock_now().tv_sec;
	const bool is_there = cgroups_find_hierarchy(cgroups) == 0;
	cleanup_free struct cgroup_path *new = calloc(length ? length : 1, sizeof(*new));
	size_t new_length = 0;
	int result;

	if (!new)
		return -ENOMEM;
	for (size_t i = 0; i < length && is_there; i++) {
		struct known *known = find(cgroups, ids[i]);

		if (known) {
			known->asked = now;
			known->is_asked = true;
		} else {
			new[new_length++].id = ids[i];
		}
	}
	result = learn(cgroups, new, new_length, now);
	if (result < 0)
		return result;
	for (size_t i = 0; i < length; i++) {
		const struct known *known = find(cgroups, ids[i]);

		ret_paths[i] = known ? known->path : NULL;
	}
	return 0;
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
			result =
			    cgroup_tree_list_processes(&cgroups->tree, paths[i], each, context);
	return result;
}
