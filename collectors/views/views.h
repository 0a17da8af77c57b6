/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_VIEWS_H
#define EPHEMERA_VIEWS_H

/*
 * Views are collectors, too, so that they share the walk of a scrape; but what they find is
 * no metric: it stays with them, to be asked for behind the walk. They are in no registry.
 */

#include "collectors/collector.h"

enum view {
	VIEW_PORT_MAP,	   /* port_map_found() of port_map.h */
	VIEW_DESTINATIONS, /* destination_rows_found() of destination_rows.h */
	VIEW_RANGE,	   /* range_found() */
	VIEWS
};

extern const struct collector *const views[VIEWS];

/*
 * How many destinations VIEW_DESTINATIONS may find, as the value of a flag: its struct
 * collector_config wants this as its only value.
 */
#define VIEW_DESTINATIONS_LIMIT 1000ul

/* What VIEW_RANGE found last; lives until the next walk. NULL before the first. */
const struct facts *range_found(const void *state);

#endif
