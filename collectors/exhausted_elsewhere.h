/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTED_ELSEWHERE_H
#define EPHEMERA_EXHAUSTED_ELSEWHERE_H

/*
 * What was counted in another network namespace, as counters that never fall: the kernel's may
 * begin again at 0, where a namespace or a destination gives its place away.
 */

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/kernel/pods.h"
#include "collectors/metric.h"

struct exhausted_elsewhere;

/*
 * id: as struct walk_namespace. destinations, owners: how many are shown at the most. NULL: out of
 * memory.
 */
struct exhausted_elsewhere *exhausted_elsewhere_new(
    uint32_t id, unsigned long destinations, unsigned long owners);
void exhausted_elsewhere_free(struct exhausted_elsewhere *one); /* NULL is fine */

/*
 * Adds what the probe, which is the same each time, has counted since the look before. Returns 1,
 * and in ret_totals the failures and counts; 0: nothing was ever counted; or -ENOMEM.
 */
int exhausted_elsewhere_look(struct exhausted_elsewhere *one, const struct exhaustion_probe *probe,
    struct elsewhere *ret_totals);

/* Adds the samples of its destinations and owners, if a call failed. Returns 0 or -ENOMEM. */
int exhausted_elsewhere_emit(struct exhausted_elsewhere *one, struct cgroups *cgroups,
    struct pods *pods, struct metric_set *set);

#endif
