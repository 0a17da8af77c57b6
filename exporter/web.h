/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_H
#define EPHEMERA_WEB_H

/* The HTTP server. web.c is the only file that includes microhttpd.h. */

#include "exporter/clients.h"
#include "exporter/lookup.h"
#include "exporter/render.h"
#include "exporter/scrape.h"

struct web_options {
	const char *telemetry_path; /* begins with a slash */
	unsigned max_requests;	    /* scrapes and lookups waited for at the same time */
	struct clients_limits limits;
	collector_set enabled;
	const char *procfs; /* for /-/ready, as the next one */
	struct source_options source;
	const char *sysfs;
	size_t first_view; /* the views' place in the gatherer's list */
};

struct web;

/*
 * Everything passed must outlive the server. lookup: NULL where the API is off. Returns 0 or
 * -errno.
 */
int web_new(const struct web_options *options, struct scraper *scraper, struct lookup *lookup,
    struct self *self, struct web **ret_web);

/*
 * Serves on a listening, non-blocking socket in a thread of its own; fd becomes the
 * server's. May be called for several. Returns 0 or -errno.
 */
int web_serve(struct web *web, int fd);

/*
 * Takes no more connections, and waits until what is in flight has been answered and
 * taken, seconds at the most; then stops the threads of the scraper, the lookup and the server.
 */
void web_stop(struct web *web, unsigned seconds);
void web_free(struct web *web);

#endif
