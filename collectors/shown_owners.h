/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SHOWN_OWNERS_H
#define EPHEMERA_SHOWN_OWNERS_H

/* The cgroups that have the active ports of the destinations that are shown. */

#include "collectors/collector.h"
#include "collectors/tables/destination_table.h"
#include "collectors/tables/destination_top.h"

extern const struct metric_family destination_owner_ports;
extern const struct metric_family destination_other_owner_ports;

struct shown_owners;

/*
 * cgroups and pods must outlive the result. limit: how many owners of a destination are shown.
 * NULL: out of memory.
 */
struct shown_owners *shown_owners_new(struct cgroups *cgroups, struct pods *pods, size_t limit);
void shown_owners_free(struct shown_owners *owners); /* NULL is fine */

/*
 * Takes the owners of top's destinations from their table, which may be cleared then, and finds
 * their names. Returns 0 or -errno.
 */
int shown_owners_take(struct shown_owners *owners, const struct destination_table *table,
    const struct destination_top *top);

/* Adds the samples of the destination at i in top, whose labels in text these are. */
void shown_owners_emit(const struct shown_owners *owners, size_t i, const char *source,
    const char *address, const char *port, struct metric_set *set);

/* Forgets what was taken. */
void shown_owners_reset(struct shown_owners *owners);

#endif
