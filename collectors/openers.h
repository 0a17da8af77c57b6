/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COLLECTORS_OPENERS_H
#define EPHEMERA_COLLECTORS_OPENERS_H

/*
 * Who opens connections to which destination, and how long they hold their ports, as counters.
 * TIME_WAIT has no owner in the kernel; this says who leaves it behind.
 */

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/kernel/pods.h"
#include "collectors/metric.h"

extern const struct metric_family opener_opens;
extern const struct metric_family opener_leases;
extern const struct metric_family opener_lease_seconds;
extern const struct metric_family other_opener_opens;
extern const struct metric_family other_opener_leases;
extern const struct metric_family other_opener_lease_seconds;

struct opener_series;

/*
 * probe: open. It, cgroups and pods must outlive the result. limit: how many pairs of a destination
 * and a cgroup are shown. NULL: out of memory.
 */
struct opener_series *opener_series_new(
    const struct exhaustion_probe *probe, struct cgroups *cgroups, struct pods *pods, size_t limit);
void opener_series_free(struct opener_series *series); /* NULL is fine */

/* Looks at the counts and adds their samples. Returns 0 or -errno. */
int opener_series_emit(struct opener_series *series, struct metric_set *set);

#endif
