// SPDX-License-Identifier: Apache-2.0
/* Who holds the leased ports: cgroups, and the pods and containers that they stand for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/container.h"
#include "collectors/owner_table.h"

static const struct metric_family owner_ports = {
    .name = "ephemera_owner_ports",
    .help = "Ports of the range leased by outgoing connections, for the cgroups with the most, up "
	    "to --collector.owners.limit: whom to ask why.",
    .type = METRIC_GAUGE,
    .labels = {"cgroup", "pod_uid", "container_id"},
    .example = "topk(10, sum by (instance, pod_uid) (ephemera_owner_ports{pod_uid!=\"\"}))",
};
static const struct metric_family other_ports = {
    .name = "ephemera_other_owner_ports",
    .help = "Leased ports of all cgroups that are not shown one by one.",
    .type = METRIC_GAUGE,
    .example = "topk(10, ephemera_other_owner_ports)",
};
static const struct metric_family unowned_ports = {
    .name = "ephemera_unowned_ports",
    .help = "Leased ports that belong to no cgroup any more: those in TIME_WAIT above all.",
    .type = METRIC_GAUGE,
    .example = "ephemera_unowned_ports > on (job, instance) sum by (job, instance) "
	       "(ephemera_owner_ports)",
};

static const struct metric_family *const families[] = {
    &owner_ports,
    &other_ports,
    &unowned_ports,
    NULL,
};

enum { FLAG_LIMIT };

struct owners {
	const char *sysfs;
	const struct facts *facts;
	struct cgroups *cgroups; /* NULL until the hierarchy was found */
	size_t limit;
	unsigned long unowned;
	struct owner_table *table;
};

static void destroy(void *context)
{
	struct owners *owners = context;

	cgroups_free(owners->cgroups);
	owner_table_free(owners->table);
	free(owners);
}

static int create(const struct collector_config *config, void **ret_state)
{
	struct owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return -ENOMEM;
	owners->sysfs = config->sysfs;
	owners->limit = config->values[FLAG_LIMIT];
	owners->table = owner_table_new();
	if (!owners->table) {
		destroy(owners);
		return -ENOMEM;
	}
	*ret_state = owners;
	return 0;
}

static int begin(void *context, const struct facts *facts)
{
	struct owners *owners = context;

	owners->facts = facts;
	owners->unowned = 0;
	owner_table_clear(owners->table);
	/* Looked for anew as long as it is not there: it may be mounted later. */
	return owners->cgroups ? 0 : cgroups_new(owners->sysfs, &owners->cgroups);
}

static int observe(void *context, const struct socket *socket)
{
	struct owners *owners = context;

	if (!facts_is_leased(owners->facts, socket))
		return 0;
	/* TIME_WAIT has no cgroup; nor has any record of a kernel before 5.8. */
	if (socket->cgroup_id == 0) {
		owners->unowned++;
		return 0;
	}
	return owner_table_count(owners->table, socket->cgroup_id);
}

/* What is shown as one: a cgroup, or several that have the same path one after the other. */
struct named {
	char *path;
	unsigned long ports;
};

static int compare_paths(const void *first, const void *second)
{
	return strcmp(((const struct named *)first)->path, ((const struct named *)second)->path);
}

static int compare_ports(const void *first, const void *second)
{
	const struct named *a = first;
	const struct named *b = second;

	if (a->ports != b->ports)
		return a->ports > b->ports ? -1 : 1;
	return compare_paths(a, b);
}

static void free_named(struct named *list, size_t length)
{
	for (size_t i = 0; list && i < length; i++)
		free(list[i].path);
	free(list);
}

static int name_one(struct named *named, const struct owner *owner, const char *path)
{
	named->ports = owner->ports;
	if (path)
		named->path = strdup(path);
	/* Gone before we ever saw it: its id is all that is left, and it stays. */
	else if (asprintf(&named->path, "id:%llu", (unsigned long long)owner->cgroup_id) < 0)
		named->path = NULL;
	return named->path ? 0 : -ENOMEM;
}

/*
 * All are resolved, not only those that are shown, so that a cgroup which comes to the top
 * after it is gone still has its name.
 */
static int name_all(
    struct owners *owners, const struct owner *list, size_t length, struct named *named)
{
	cleanup_free uint64_t *ids = calloc(length ? length : 1, sizeof(*ids));
	cleanup_free const char **paths = calloc(length ? length : 1, sizeof(*paths));
	int result = ids && paths ? 0 : -ENOMEM;

	for (size_t i = 0; i < length && result == 0; i++)
		ids[i] = list[i].cgroup_id;
	if (result == 0)
		result = cgroups_resolve(owners->cgroups, ids, length, paths);
	for (size_t i = 0; i < length && result == 0; i++)
		result = name_one(&named[i], &list[i], paths[i]);
	return result;
}

/*
 * A service that was restarted has a new cgroup at the path of the old one, which may hold
 * ports still: to who looks they are one. Returns how many are left.
 */
static size_t merge(struct named *list, size_t length)
{
	size_t last = 0;

	if (length == 0)
		return 0;
	qsort(list, length, sizeof(*list), compare_paths);
	for (size_t i = 1; i < length; i++) {
		if (compare_paths(&list[last], &list[i]) == 0) {
			list[last].ports += list[i].ports;
			free(list[i].path);
		} else {
			list[++last] = list[i];
		}
		if (last != i)
			list[i].path = NULL;
	}
	qsort(list, last + 1, sizeof(*list), compare_ports);
	return last + 1;
}

static void emit_owner(struct metric_set *set, const struct named *named)
{
	struct container container;

	container_parse(named->path, &container);
	metric_add(set, &owner_ports, (double)named->ports,
	    METRIC_LABELS(named->path, container.pod_uid, container.id));
}

static int emit(void *context, struct metric_set *set)
{
	struct owners *owners = context;
	size_t length;
	double other = (double)owner_table_untracked(owners->table);
	cleanup_free struct owner *list = owner_table_list(owners->table, &length);
	struct named *named = list ? calloc(length ? length : 1, sizeof(*named)) : NULL;

	if (!named)
		return -ENOMEM;

	const int result = name_all(owners, list, length, named);

	if (result < 0) {
		free_named(named, length);
		return result;
	}

	const size_t merged = merge(named, length);

	for (size_t i = 0; i < merged; i++) {
		if (i < owners->limit)
			emit_owner(set, &named[i]);
		else
			other += (double)named[i].ports;
	}
	metric_add(set, &other_ports, other, METRIC_NO_LABELS);
	metric_add(set, &unowned_ports, (double)owners->unowned, METRIC_NO_LABELS);
	free_named(named, merged);
	return 0;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "how many of the cgroups with the most ports are shown", 20, 0, 1000},
    {.name = NULL},
};

const struct collector owners_collector = {
    .name = "owners",
    .help = "leased ports by cgroup, pod and container",
    .cost = "What destinations needs. About 100 bytes and its path for each cgroup while a scrape "
	    "runs, and its path until the next one; no more than 131,072 cgroups are told apart. "
	    "A cgroup that is new costs one look-up or, without CAP_DAC_READ_SEARCH, one reading "
	    "of the cgroup tree for all that are new.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP,
    .families = families,
    .flags = flags,
    .create = create,
    .begin = begin,
    .observe = observe,
    .emit = emit,
    .destroy = destroy,
};
