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
	struct site site;	   /* without its api, which web_new() sets */
	unsigned max_header_bytes; /* of a request's line and headers */
	struct clients_limits limits;
	bool outlived; /* another process keeps listening on the sockets after the server ends */
};

/*
 * Descriptors that the server needs besides one per connection: for connections that are shut down
 * but not closed yet, and for each socket that it listens on.
 */
#define WEB_CONNECTION_SLACK 32
#define WEB_DESCRIPTORS_PER_SOCKET 3

struct web;

/* What the server uses. All of it must outlive the server. */
struct web_parts {
	struct scraper *scraper;
	struct shared_lookup *lookup;	/* NULL: the API is off */
	struct failure_watch *failures; /* NULL: the API is off, or nobody sees any */
	struct self *self;
	struct config_watch *rules; /* NULL: there is no --web.config.file */
	struct auth *auth;	    /* NULL if rules is */
};

/* Returns 0 or -errno. */
int web_new(const struct web_options *options, const struct web_parts *parts, struct web **ret_web);

/*
 * Serves on a listening, non-blocking socket in a thread of its own. Takes ownership of fd. Call it
 * once for each socket. Returns 0 or -errno.
 */
int web_serve(struct web *web, int fd);

/*
 * Whether every thread makes progress: no thread of the server has been in one callback for longer
 * than `seconds`, and the scraper and the lookup are alive, see single_flight_is_alive(). Call it
 * in the thread that called web_serve().
 */
bool web_is_alive(const struct web *web, double seconds);

/*
 * Accepts no more connections, waits until requests in flight have their answers, at most
 * `seconds`, then stops the threads of its parts and its own. A client that connects meanwhile
 * waits in the kernel's queue. At the end it is refused; if the server is outlived, the next
 * process serves it.
 */
void web_stop(struct web *web, unsigned seconds);
void web_free(struct web *web);

#endif
