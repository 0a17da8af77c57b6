/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ENDPOINTS_H
#define EPHEMERA_ENDPOINTS_H

/* The table of what is served. An endpoint is a row of it, and has a place in docs/openapi.yaml. */

#include "exporter/web/routes.h"

enum endpoint_need {
	NEED_NOTHING, /* it is rendered at once, of nothing */
	NEED_WALK,    /* a struct scrape_result, of the collectors and views in the route's asked */
	NEED_LOOKUP,  /* a struct port_lookup of the route's port */
};

enum endpoint_found {
	FOUND,
	FOUND_WRONG, /* there is such a place, and the route's answer says what is wrong */
	FOUND_NOTHING,
};

struct endpoint {
	const char *path; /* what ends in a slash, and is no "/", stands for all below it */
	enum endpoint_need need;
	unsigned views; /* bits of enum view: what asked has of views */
	/*
	 * Reads rest, which is what follows the path, and the query into the route. NULL: there is
	 * nothing to be read. It has no effect elsewhere, and must be quick.
	 */
	enum endpoint_found (*parse)(const struct site *site, const struct http_request *request,
	    const char *rest, struct route *route);
	/* The answer, made of what was needed. One without a body stands for "no memory". */
	struct answer (*render)(
	    const struct site *site, const struct route *route, const void *found);
};

/* --web.telemetry-path */
extern const struct endpoint metrics_endpoint;

/* All others. */
extern const struct endpoint endpoints[];
extern const size_t endpoints_length;

#endif
