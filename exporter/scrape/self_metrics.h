/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SELF_METRICS_H
#define EPHEMERA_SELF_METRICS_H

/* The exporter's metrics about itself. */

#include "collectors/gather.h"
#include "exporter/base/counters.h"

struct self;

/* quiet: --web.disable-exporter-metrics, which leaves only the collectors' success. */
struct self *self_new(bool quiet);
void self_free(struct self *self);

/* Counts a response with that status. Any thread may call it. */
void self_add_response(struct self *self, unsigned status);

/* The counts of refusals. self owns them. */
struct refusals *self_refusals(struct self *self);

/* The status of --web.config.file, published once is_known is set. self owns it. */
struct config_status *self_config_status(struct self *self);

/* Every family that self_emit() may add, ended by NULL. */
extern const struct metric_family *const self_families[];

/* Every family that self_emit_outcomes() may add, ended by NULL. */
extern const struct metric_family *const self_outcome_families[];

/*
 * Adds success and duration of the collectors in asked. Separate from self_emit(), since requests
 * for different collectors can share a walk.
 */
void self_emit_outcomes(const struct self *self, const struct gathering *gathering,
    collector_set asked, struct metric_set *set);

/* Adds the metrics of a gathering. An error stays in the set. */
void self_emit(struct self *self, const struct gathering *gathering, const struct source *source,
    struct metric_set *set);

#endif
