/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_VIEWS_H
#define EPHEMERA_VIEWS_H

/*
 * Views are collectors too, so they share the walk of a scrape. They find no metrics: they keep the
 * result, to be read after the walk. They are not in the registry.
 */

#include "collectors/collector.h"

enum view {
	VIEW_PORT_MAP,	   /* port_map_found() of port_map.h */
	VIEW_DESTINATIONS, /* destination_rows_found() of destination_rows.h */
	VIEW_RANGE,	   /* range_found() */
	VIEW_NAMESPACES,   /* namespace_rows_borrow() of namespace_rows.h */
	VIEW_PORT,	   /* port_there_found() of port_there.h */
	VIEW_PORT_MARKS,   /* port_marks_found() of port_marks.h */
	VIEW_SUMMARY,	   /* summary_found() of summary.h */
	VIEWS
};

extern const struct collector *const views[VIEWS];

/*
 * Maximum destinations of VIEW_DESTINATIONS: the only value in its struct collector_config.
 */
#define VIEW_DESTINATIONS_LIMIT 1000ul

/* What VIEW_RANGE found last; valid until the next walk. NULL before the first. */
const struct facts *range_found(const void *state);

#endif
