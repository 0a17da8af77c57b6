/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_H
#define EPHEMERA_EXHAUSTION_H

#include <stdint.h>

#include "collectors/kernel/lease_starts.h"
#include "collectors/metric.h"

/* The positions of the exhaustion collector's flags. */
enum exhaustion_flag {
	EXHAUSTION_DESTINATIONS_LIMIT,
	EXHAUSTION_OWNERS_LIMIT,
	EXHAUSTION_LEASES_LIMIT,
	EXHAUSTION_OPENERS_LIMIT,
	EXHAUSTION_CONFLICTS_LIMIT,
};

/* When the connections began that the collector with this state follows; of its init. */
const struct lease_starts *exhaustion_starts(const void *state);

/*
 * Adds what the collector with this state counted in another network namespace, whose id is as in
 * struct walk_namespace: totals, in families of the collector. An error stays in the set.
 */
void exhaustion_emit_elsewhere(const void *state, uint32_t id, struct metric_set *set);

#endif
