// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/found_view.h"

#include "exporter/web/asked_namespace.h"

const struct namespace_row *found_view_where(const struct found_view *found)
{
	return found->is_elsewhere ? &found->row : NULL;
}

struct found_view found_view_of(const struct site *site, const struct route *route, enum view view,
    const struct scrape_result *result)
{
	const size_t place = site->first_view + view;
	struct found_view found = {0};
	const struct netns *netns;
	int error;

	if (!route->namespace[0]) {
		error = result->gathering.outcomes[place].error;
		found.state = error < 0 ? NULL : gatherer_state(result->gatherer, place);
	} else {
		netns = asked_namespace_find(route, result, &found.answer);
		if (!netns)
			return found;
		found.row = namespace_row_of(netns);
		found.is_elsewhere = true;
		found.state = netns_view(netns, place, &error);
	}
	if (!found.state)
		found.answer = answer_failure(true, error);
	return found;
}
