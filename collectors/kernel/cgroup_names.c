// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroup_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cgroups.h"

/* Powers of two. A table is replaced when it has KEPT names. */
#define PLACES 4096
#define KEPT 2048

struct kept {
	uint64_t id; /* 0: a free place */
	char *path;
	struct cgroup_name name;
};

struct table {
	size_t length;
	struct kept places[PLACES];
};

/* Names that are asked for move to the new table, and the others go with the old one. */
struct cgroup_names {
	struct cgroups *cgroups;
	struct table *new;
	struct table *old;
};

struct cgroup_names *cgroup_names_new(const char *sysfs)
{
	struct cgroup_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->cgroups = cgroups_new(sysfs);
	names->new = calloc(1, sizeof(*names->new));
	names->old = calloc(1, sizeof(*names->old));
	if (names->cgroups && names->new && names->old)
		return names;
	cgroup_names_free(names);
	return NULL;
}

static void clear(struct table *table)
{
	for (size_t i = 0; table && i < PLACES; i++)
		free(table->places[i].path);
	if (table)
		memset(table, 0, sizeof(*table));
}

void cgroup_names_free(struct cgroup_names *names)
{
	if (!names)
		return;
	clear(names->new);
	clear(names->old);
	free(names->new);
	free(names->old);
	cgroups_free(names->cgroups);
	free(names);
}

/* The id's place, or the free one where it belongs: at least half of the places are free. */
static struct kept *place_of(struct table *table, uint64_t id)
{
	size_t at = (size_t)((id * 0x9E3779B97F4A7C15ull) >> 52);

	while (table->places[at].id && table->places[at].id != id)
		at = (at + 1) % PLACES;
	return &table->places[at];
}

static struct kept *make_room(struct cgroup_names *names, uint64_t id)
{
	if (names->new->length == KEPT) {
		struct table *empty = names->old;

		clear(empty);
		names->old = names->new;
		names->new = empty;
	}
	return place_of(names->new, id);
}

/* Takes over path. */
static const struct cgroup_name *keep(struct cgroup_names *names, uint64_t id, char *path)
{
	struct kept *kept = make_room(names, id);

	*kept = (struct kept){.id = id, .path = path, .name.path = path};
	container_parse(path, &kept->name.container);
	names->new->length++;
	return &kept->name;
}

static char *look_up(struct cgroup_names *names, uint64_t id)
{
	const char *path = NULL;
	char *copy = NULL;

	/* Kept here, and not there for long. */
	cgroups_forget_old(names->cgroups);
	if (cgroups_resolve(names->cgroups, &id, 1, &path) < 0)
		return NULL;
	if (path)
		return strdup(path);
	return asprintf(&copy, "id:%llu", (unsigned long long)id) < 0 ? NULL : copy;
}

const struct cgroup_name *cgroup_names_find(struct cgroup_names *names, uint64_t id)
{
	struct kept *kept = place_of(names->new, id);
	char *path;

	if (kept->id == id)
		return &kept->name;
	kept = place_of(names->old, id);
	/* Its place stays taken, or those behind it could not be found. */
	if (kept->id == id && kept->path) {
		path = kept->path;
		kept->path = NULL;
	} else {
		path = look_up(names, id);
	}
	return path ? keep(names, id, path) : NULL;
}
