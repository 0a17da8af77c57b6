/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTED_OWNERS_H
#define EPHEMERA_EXHAUSTED_OWNERS_H

/* The cgroups whose calls failed, by name: a tally whose keys are cgroups. */

#include "collectors/kernel/pods.h"
#include "collectors/metric.h"
#include "collectors/tables/owner_names.h"
#include "collectors/tables/tally_top.h"

extern const struct metric_family exhausted_owners;
extern const struct metric_family other_exhausted_owners;

/*
 * Reads the tally: ret_names are the shown cgroups, most failures first; ret_others the failures of
 * all others. Returns 0 or -ENOMEM; the caller frees the names with owner_names_free().
 */
int exhausted_owners_list(struct tally_top *top, struct cgroups *cgroups,
    struct owner_name **ret_names, size_t *ret_length, uint64_t *ret_others);

/*
 * Adds those that are shown. untracked: calls that have no place in the tally. Returns 0 or
 * -ENOMEM.
 */
int exhausted_owners_emit(struct tally_top *top, struct cgroups *cgroups, struct pods *pods,
    uint64_t untracked, struct metric_set *set);

#endif
