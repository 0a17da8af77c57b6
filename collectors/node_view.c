// SPDX-License-Identifier: Apache-2.0
#include "collectors/node_view.h"

#include <dirent.h>
#include <stdbool.h>

const char *node_view_name(enum node_view_part part)
{
	static const char *const names[] = {
	    [NODE_VIEW_NETWORK] = "network",
	    [NODE_VIEW_CGROUPS] = "cgroups",
	    [NODE_VIEW_PODS] = "pods",
	    [NODE_VIEW_NAMES] = "names",
	};

	return names[part];
}

static bool can_be_read(const char *path)
{
	DIR *directory = opendir(path);

	if (!directory)
		return false;
	closedir(directory);
	return true;
}

unsigned node_view_of(const struct walk_namespace *own, struct cgroups *cgroups,
    const struct pods *pods, const char *names)
{
	unsigned parts = 0;

	if (own->flags & WALK_FIRST)
		parts |= 1u << NODE_VIEW_NETWORK;
	if (cgroups_are_whole(cgroups))
		parts |= 1u << NODE_VIEW_CGROUPS;
	if (pods_can_be_read(pods))
		parts |= 1u << NODE_VIEW_PODS;
	if (can_be_read(names))
		parts |= 1u << NODE_VIEW_NAMES;
	return parts;
}

static int note_own(void *context, const struct walk_namespace *entry)
{
	struct walk_namespace *own = context;

	if (entry->flags & WALK_READER)
		*own = *entry;
	return 0;
}

int node_view_find(struct source *source, struct cgroups *cgroups, const struct pods *pods,
    const char *names, unsigned *ret_parts)
{
	struct walk_namespace own = {0};
	const int result = source_list_namespaces(source, note_own, &own);

	if (result == 0)
		*ret_parts = node_view_of(&own, cgroups, pods, names);
	return result;
}
