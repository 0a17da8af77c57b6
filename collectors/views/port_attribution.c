// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_attribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/cleanup.h"

/* Calls each for every kept socket. */
static void for_each_kept(struct port_lookup *lookup,
    void (*each)(void *context, struct port_socket *found), void *context)
{
	for (size_t i = 0; i < lookup->length; i++) {
		struct port_answer *answer = &lookup->answers[i];

		for (size_t j = 0; j < answer->local.length; j++)
			each(context, &answer->local.list[j]);
		for (size_t j = 0; j < answer->remote.length; j++)
			each(context, &answer->remote.list[j]);
	}
}

struct identities {
	size_t length;
	struct socket_identity *list;
};

/* A connection of the host with itself has a port at both ends: it comes up twice. */
static void note_identity(void *context, struct port_socket *found)
{
	struct identities *identities = context;

	if (found->socket.inode)
		identities->list[identities->length++] =
		    (struct socket_identity){found->socket.inode, found->socket.cgroup_id};
}

static int find_processes(const struct port_lookup_options *options, size_t kept,
    struct cgroups *cgroups, struct port_lookup *lookup)
{
	cleanup_free struct socket_identity *list = calloc(kept ? kept : 1, sizeof(*list));
	struct identities identities = {.list = list};

	if (!list)
		return -ENOMEM;
	if (options->source->kind == SOURCE_REPLAY)
		return 0;
	for_each_kept(lookup, note_identity, &identities);

	const struct process_search_options search = {
	    .procfs = options->source->procfs,
	    .cgroups = cgroups,
	    .everyone = options->everyone,
	    .seconds = options->search_seconds,
	};
	const int result =
	    process_search(&search, identities.list, identities.length, &lookup->processes);

	/* If /proc hides processes from us, there are still sockets. */
	return result == -ENOMEM ? result : 0;
}

struct naming {
	size_t length;
	uint64_t *ids; /* sorted, each once */
	char **paths;
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t first = *(const uint64_t *)a;
	const uint64_t second = *(const uint64_t *)b;

	return first < second ? -1 : first > second;
}

static void note_cgroup(void *context, struct port_socket *found)
{
	struct naming *naming = context;

	if (found->socket.cgroup_id)
		naming->ids[naming->length++] = found->socket.cgroup_id;
}

static void name_cgroup(void *context, struct port_socket *found)
{
	const struct naming *naming = context;
	const uint64_t *id = bsearch(&found->socket.cgroup_id, naming->ids, naming->length,
	    sizeof(*naming->ids), compare_ids);

	if (id)
		found->cgroup = naming->paths[id - naming->ids];
}

static void drop_duplicates(struct naming *naming)
{
	size_t kept = 0;

	qsort(naming->ids, naming->length, sizeof(*naming->ids), compare_ids);
	for (size_t i = 0; i < naming->length; i++)
		if (kept == 0 || naming->ids[i] != naming->ids[kept - 1])
			naming->ids[kept++] = naming->ids[i];
	naming->length = kept;
}

int port_lookup_name_cgroups(size_t kept, struct cgroups *cgroups, struct port_lookup *lookup)
{
	const size_t room = kept ? kept : 1;
	cleanup_free uint64_t *ids = calloc(room, sizeof(*ids));
	cleanup_free const char **paths = calloc(room, sizeof(*paths));
	struct naming naming = {.ids = ids};

	lookup->cgroups = calloc(room, sizeof(*lookup->cgroups));
	if (!ids || !paths || !lookup->cgroups)
		return -ENOMEM;
	for_each_kept(lookup, note_cgroup, &naming);
	drop_duplicates(&naming);

	const int result = cgroups_resolve(cgroups, ids, naming.length, paths);

	if (result < 0)
		return result;
	lookup->cgroups_length = naming.length;
	for (size_t i = 0; i < naming.length; i++) {
		lookup->cgroups[i] = paths[i] ? strdup(paths[i]) : NULL;
		if (paths[i] && !lookup->cgroups[i])
			return -ENOMEM;
	}
	naming.paths = lookup->cgroups;
	for_each_kept(lookup, name_cgroup, &naming);
	return 0;
}

int port_lookup_attribute(
    const struct port_lookup_options *options, size_t kept, struct port_lookup *lookup)
{
	struct cgroups *cgroups = cgroups_new(options->sysfs);
	int result;

	if (!cgroups)
		return -ENOMEM;
	/* Without the version 2 hierarchy there are still sockets and processes. */
	result = find_processes(options, kept, cgroups, lookup);
	if (result == 0)
		result = port_lookup_name_cgroups(kept, cgroups, lookup);
	cgroups_free(cgroups);
	return result;
}
