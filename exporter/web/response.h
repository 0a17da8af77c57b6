/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RESPONSE_H
#define EPHEMERA_RESPONSE_H

/* Makes libmicrohttpd's responses from answers, and shares them among requests. */

#include "exporter/access/web_config.h"
#include "exporter/web/answer.h"
#include "exporter/web/routes.h"

struct MHD_Response;

/*
 * Takes ownership of the answer's body. config: the web configuration, or NULL. Returns NULL if
 * memory ran out.
 */
struct MHD_Response *response_make(struct answer *answer, const struct web_config *config);

/*
 * A response that the scraper's thread makes and the server's thread queues. The last
 * response_release() destroys it. (libmicrohttpd counts only the connections it is queued on.)
 */
struct shared_response;

/* Like response_make(), with one reference, which the caller owns. */
struct shared_response *response_share(struct answer *answer, const struct web_config *config);
struct MHD_Response *response_of(const struct shared_response *shared);
void response_release(struct shared_response *shared); /* NULL is fine */

#define CACHED_RESPONSES 8

/* The responses of the last scrape, for requests for the same form of it. One thread uses it. */
struct response_cache {
	unsigned long serial; /* the scrape's */
	struct cached_response {
		struct route route;
		const struct web_config *config; /* only compared */
		struct shared_response *shared;
	} cached[CACHED_RESPONSES];
	size_t length;
};

/* A new reference to the response to route of that scrape; NULL: there is none. */
struct shared_response *response_cache_find(struct response_cache *cache, unsigned long serial,
    const struct route *route, const struct web_config *config);

/* The cache takes a reference of its own. */
void response_cache_add(struct response_cache *cache, unsigned long serial,
    const struct route *route, const struct web_config *config, struct shared_response *shared);
void response_cache_clear(struct response_cache *cache);

#endif
