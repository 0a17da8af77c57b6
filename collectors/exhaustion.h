/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_H
#define EPHEMERA_EXHAUSTION_H

#include "collectors/kernel/exhaustion_probe.h"
#include "collectors/kernel/lease_starts.h"

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
 * What counts the failures for the collector with this state, which owns it. NULL: it did not load.
 * One thread besides the collector's may read its counts and, with failure_events, its events.
 */
struct exhaustion_probe *exhaustion_probe_of(void *state);

#endif
