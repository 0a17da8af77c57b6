/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SERVER_H
#define EPHEMERA_SERVER_H

/* The HTTP server. */

#include "exporter/access/auth.h"
#include "exporter/access/config_watch.h"
#include "exporter/scrape/scraper.h"
#include "exporter/scrape/shared_lookup.h"
#include "exporter/web/clients.h"
#include "exporter/web/routes.h"

struct web_options {
	struct site site;	   /* but for its index and whether there is an API */
	unsigned max_header_bytes; /* of a request's line and headers */
	struct clients_limits limits;
	bool outlived; /* others go on listening on the sockets when the server has ended */
};

/*
 * Descriptors that the server needs beside those of its connections: for connections that were
 * shut down and are not closed yet, and for each socket that it listens on.
 */
#define WEB_CONNECTION_SLACK 32
#define WEB_DESCRIPTORS_PER_SOCKET 3

struct web;

/* What the server works with, all of which must outlive it. */
struct web_parts {
	struct scraper *scraper;
	struct lookup *lookup; /* NULL: the API is off */
	struct self *self;
	struct web_rules *rules; /* NULL: there is no --web.config.file */
	struct auth *auth;	 /* NULL where rules is */
};

/* Returns 0 or -errno. */
int web_new(const struct web_options *options, const struct web_parts *parts, struct web **ret_web);

/*
 * Serves on a listening, non-blocking socket in a thread of its own; fd becomes the
 * server's. May be called for several. Returns 0 or -errno.
 */
int web_serve(struct web *web, int fd);

/*
 * Whether every thread that serves gets on: none of the server's has been at one callback for
 * longer than that, and the scraper and the lookup are alive, as sharing_is_alive() means it.
 * To be called by the thread that called web_serve().
 */
bool web_is_alive(const struct web *web, double seconds);

/*
 * Takes no more connections, and waits until what is in flight has been answered and
 * taken, seconds at the most; then stops the threads of its parts and its own. Whoever connects
 * meanwhile waits in the kernel's queue, and is refused at the end, or is served by the next to
 * listen where the server is outlived.
 */
void web_stop(struct web *web, unsigned seconds);
void web_free(struct web *web);

#endif
