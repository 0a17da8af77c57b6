/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ENDPOINTS_H
#define EPHEMERA_ENDPOINTS_H

/* The table of endpoints: one row each. Each also stands in docs/openapi.yaml. */

#include "exporter/web/routes.h"

enum endpoint_need {
	NEED_NOTHING, /* it is rendered at once */
	NEED_WALK,    /* a struct scrape_result with the collectors and views in route.asked */
	NEED_LOOKUP,  /* a struct port_lookup of route.port */
	NEED_FAILURE, /* a struct failure_news, which may take long */
};

enum endpoint_found {
	FOUND,
	FOUND_WRONG, /* the path exists; route.answer says what is wrong with the request */
	FOUND_NOTHING,
};

struct endpoint {
	const char *path; /* one that ends in a slash, except "/", includes all paths below it */
	enum endpoint_need need;
	unsigned views; /* bits of enum view that it needs */
	/*
	 * Reads the rest of the path and the query into the route. NULL: there is nothing to read.
	 * It must be quick and change nothing else.
	 */
	enum endpoint_found (*parse)(const struct site *site, const struct http_request *request,
	    const char *rest, struct route *route);
	/* Makes the answer from what was needed. An answer without a body means out of memory. */
	struct answer (*render)(
	    const struct site *site, const struct route *route, const void *found);
};

/* --web.telemetry-path */
extern const struct endpoint metrics_endpoint;

/* All others. */
extern const struct endpoint endpoints[];
extern const size_t endpoints_length;

#endif
