/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SELF_METRICS_H
#define EPHEMERA_SELF_METRICS_H

/* What the exporter says of itself. */

#include "collectors/gather.h"
#include "exporter/base/counters.h"

struct self;

/* With --web.disable-exporter-metrics (quiet) only the collectors' success is told. */
struct self *self_new(bool quiet);
void self_free(struct self *self);

/* Counts a response of that status; any thread may. */
void self_count_response(struct self *self, unsigned status);

/* What was refused; lives as long as self. */
struct refusals *self_refusals(struct self *self);

/* How reading --web.config.file fares, told once it is known; lives as long as self. */
struct config_status *self_config_status(struct self *self);

/* Every family that self_emit() may add, ended by NULL. */
extern const struct metric_family *const self_families[];

/* Every family that self_emit_outcomes() may add, ended by NULL. */
extern const struct metric_family *const self_outcome_families[];

/*
 * Adds how the collectors of asked fared. It is apart from self_emit() since a walk is
 * shared by requests that asked for different collectors.
 */
void self_emit_outcomes(const struct self *self, const struct gathering *gathering,
    collector_set asked, struct metric_set *set);

/* Adds what is known after a gathering. An error is left in the set. */
void self_emit(struct self *self, const struct gathering *gathering, const struct source *source,
    struct metric_set *set);

#endif
