/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_MAP_H
#define EPHEMERA_PORT_MAP_H

/* What each of the 65,536 ports is at the moment. */

#include "collectors/collector.h"
#include "collectors/views/port_state.h"

struct port_map {
	struct port_range range;
	unsigned counts[PORT_STATES]; /* ports in each state; the sum is PORTS */
	uint8_t states[PORTS];	      /* enum port_state */
	/*
	 * Of ports in PORT_STATE_TIME_WAIT: seconds until the last socket there is gone, rounded
	 * up; UINT16_MAX: so many or more. Of other ports it means nothing.
	 */
	uint16_t time_wait_seconds[PORTS];
};

/* A view (views.h). */
extern const struct collector port_map_view;

/* What it found last; valid until the next walk. NULL before the first. */
const struct port_map *port_map_found(const void *state);

#endif
