// SPDX-License-Identifier: Apache-2.0
#include "collectors/shown_owners.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/owner_labels.h"
#include "collectors/tables/owner_names.h"

const struct metric_family destination_owner_ports = {
    .name = "ephemera_destination_owner_ports",
    .help = "Of each shown destination's active ports, those of the cgroups with the most, up to "
	    "--collector.destinations.owners-limit: who takes its ports. TIME_WAIT has no owner.",
    .type = METRIC_GAUGE,
    .labels = {"source", "destination", "destination_port", OWNER_LABELS},
    .example = "topk by (instance, destination, destination_port) (1, "
	       "ephemera_destination_owner_ports)",
};
const struct metric_family destination_other_owner_ports = {
    .name = "ephemera_destination_other_owner_ports",
    .help = "Of each shown destination's active ports, those of all other cgroups, and of none. "
	    "With ephemera_destination_owner_ports, these are all its active ports.",
    .type = METRIC_GAUGE,
    .labels = {"source", "destination", "destination_port"},
    .example = "topk(10, ephemera_destination_other_owner_ports)",
};

struct shown_owners {
	struct cgroups *cgroups;
	struct pods *pods;
	size_t limit;
	struct owned *lists; /* [i]: of the destination at i */
	unsigned *active;
	size_t length;
};

struct shown_owners *shown_owners_new(struct cgroups *cgroups, struct pods *pods, size_t limit)
{
	struct shown_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	owners->cgroups = cgroups;
	owners->pods = pods;
	owners->limit = limit;
	return owners;
}

void shown_owners_reset(struct shown_owners *owners)
{
	for (size_t i = 0; i < owners->length; i++) {
		free((void *)owners->lists[i].owners);
		owner_names_free(owners->lists[i].names, owners->lists[i].length);
	}
	free(owners->lists);
	free(owners->active);
	owners->lists = NULL;
	owners->active = NULL;
	owners->length = 0;
}

void shown_owners_free(struct shown_owners *owners)
{
	if (!owners)
		return;
	shown_owners_reset(owners);
	free(owners);
}

static int take_one(struct shown_owners *owners, const struct destination_table *table,
    const struct destination *destination)
{
	struct owned *owned = &owners->lists[owners->length];
	struct owner *list;
	const int result =
	    destination_table_list_owners(table, destination, &list, &owned->owners_length);

	if (result < 0)
		return result;
	owned->owners = list;
	owners->active[owners->length++] = destination->ports[PORT_ACTIVE];
	return 0;
}

int shown_owners_take(struct shown_owners *owners, const struct destination_table *table,
    const struct destination_top *top)
{
	const size_t room = top->length ? top->length : 1;
	int result = 0;

	shown_owners_reset(owners);
	owners->lists = calloc(room, sizeof(*owners->lists));
	owners->active = calloc(room, sizeof(*owners->active));
	if (!owners->lists || !owners->active)
		return -ENOMEM;
	for (size_t i = 0; i < top->length && result == 0; i++)
		result = take_one(owners, table, &top->list[i]);
	if (result < 0 || owners->limit == 0)
		return result;
	/* Version 1 does not show the owner of a socket. */
	result = cgroups_find_hierarchy(owners->cgroups);
	if (result < 0)
		return result == -EOPNOTSUPP ? 0 : result;
	return owner_names_lists(owners->cgroups, owners->lists, owners->length);
}

void shown_owners_emit(const struct shown_owners *owners, size_t i, const char *source,
    const char *address, const char *port, struct metric_set *set)
{
	const struct owned *owned = &owners->lists[i];
	uint64_t others = owners->active[i];

	for (size_t j = 0; j < owned->length && j < owners->limit; j++) {
		const struct owner_name *name = &owned->names[j];
		const struct owner_labels labels = owner_labels_of(owners->pods, name->path);

		metric_add(set, &destination_owner_ports, (double)name->count,
		    METRIC_LABELS(source, address, port, OWNER_VALUES(labels)));
		others -= name->count < others ? name->count : others;
	}
	metric_add(set, &destination_other_owner_ports, (double)others,
	    METRIC_LABELS(source, address, port));
}
