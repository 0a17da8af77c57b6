/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RENDER_H
#define EPHEMERA_RENDER_H

/* The answer to a request, of what was found for it. */

#include "collectors/views/port_lookup.h"
#include "exporter/scrape/scraper.h"
#include "exporter/web/answer.h"
#include "exporter/web/routes.h"

struct render_options {
	const struct source_options *source; /* for the owners of destinations, as the next */
	const char *sysfs;
	size_t first_view; /* the views' place in the gatherer's list */
};

/* Both return an answer without a body where memory is out. */
struct answer render_scrape(const struct render_options *options, const struct route *route,
    const struct scrape_result *result);
struct answer render_lookup(const struct route *route, const struct port_lookup *lookup);

/* 503, for the error that a request ended with. */
struct answer render_failure(const struct route *route, int error);

#endif
