/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FOUND_VIEW_H
#define EPHEMERA_FOUND_VIEW_H

/* What a view found for a route, and in which network namespace. */

#include "collectors/views/namespace_rows.h"
#include "collectors/views/views.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/routes.h"

struct found_view {
	void *state; /* NULL: nothing, and answer, which the caller owns, says why */
	struct answer answer;
	bool is_elsewhere; /* in the namespace of this row; else in ours */
	struct namespace_row row;
};

struct found_view found_view_of(const struct site *site, const struct route *route, enum view view,
    const struct scrape_result *result);

/* The row, or NULL if it is ours. */
const struct namespace_row *found_view_where(const struct found_view *found);

#endif
