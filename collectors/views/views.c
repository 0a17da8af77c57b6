// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/views.h"

#include "collectors/registry.h"
#include "collectors/views/destination_rows.h"
#include "collectors/views/port_map.h"
#include "collectors/views/port_marks.h"
#include "collectors/views/port_there.h"
#include "collectors/views/summary.h"

_Static_assert(COLLECTORS + VIEWS <= COLLECTORS_MAX,
    "a set of collectors is a bit mask, and some tables have COLLECTORS_MAX places");

struct range_view {
	const struct facts *facts; /* of the walk in progress */
	bool found;
	struct facts copy;
};

static int init_range(void *state, const struct collector_config *config)
{
	((struct range_view *)state)->facts = config->facts;
	return 0;
}

static int finish_range(void *state)
{
	struct range_view *view = state;

	view->copy = *view->facts;
	view->found = true;
	return 0;
}

static const struct collector range_view = {
    .name = "range view",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN,
    .state_size = sizeof(struct range_view),
    .init = init_range,
    .finish = finish_range,
};

const struct facts *range_found(const void *state)
{
	const struct range_view *view = state;

	return view->found ? &view->copy : NULL;
}

/* It only asks for a walk: that finds the namespaces by itself. */
static const struct collector namespaces_view = {
    .name = "namespaces view",
    .needs = NEEDS_TCP,
    .state_size = 1,
};

const struct collector *const views[VIEWS] = {
    [VIEW_PORT_MAP] = &port_map_view,
    [VIEW_DESTINATIONS] = &destination_finder,
    [VIEW_RANGE] = &range_view,
    [VIEW_NAMESPACES] = &namespaces_view,
    [VIEW_PORT] = &port_there_view,
    [VIEW_PORT_MARKS] = &port_marks_view,
    [VIEW_SUMMARY] = &summary_view,
};
