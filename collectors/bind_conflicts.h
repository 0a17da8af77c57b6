/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BIND_CONFLICTS_H
#define EPHEMERA_BIND_CONFLICTS_H

/* The metrics of bind() and listen() that were refused the port they asked for. */

#include "collectors/metric.h"
#include "collectors/tables/tally_top.h"

extern const struct metric_family bind_conflicts;
extern const struct metric_family other_bind_conflicts;

/* Adds the ports of the tally that are shown. untracked: conflicts that have no place in it. */
void bind_conflicts_emit(struct tally_top *top, uint64_t untracked, struct metric_set *set);

#endif
