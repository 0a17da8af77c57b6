/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAILURE_GROUPS_H
#define EPHEMERA_FAILURE_GROUPS_H

/* Calls that found no port, those that are alike as one: /api/v1/failures tells of them so. */

#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/owner_labels.h"
#include "exporter/base/text.h"

#define FAILURE_GROUPS 64

struct failure_group {
	struct exhausted_event event; /* of the last call */
	uint64_t calls;
};

/* Zero-initialised, there are none. */
struct failure_groups {
	size_t length;
	struct failure_group list[FAILURE_GROUPS];
	uint64_t told;	 /* all calls that were added */
	uint64_t others; /* of them, those for which there was no place */
};

/*
 * Adds a call. Alike are calls of programs of one name and cgroup to one destination from one
 * address. A bind conflict is none of these, and left out.
 */
void failure_groups_add(struct failure_groups *groups, const struct exhausted_event *event);

/*
 * Adds the group to text as a JSON object on one line: the schema Failure of docs/openapi.yaml.
 * owner: NULL if its cgroup is not known.
 */
void failure_group_write(
    const struct failure_group *group, const struct owner_labels *owner, struct text *text);

/* The same of calls of which nothing else is known. */
void failure_others_write(int64_t time_ms, uint64_t calls, struct text *text);

#endif
