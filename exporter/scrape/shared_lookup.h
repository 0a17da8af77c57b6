/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SHARED_LOOKUP_H
#define EPHEMERA_SHARED_LOOKUP_H

/* Looks up ports for many requests at once, which share lookups: see single_flight.h. */

#include "collectors/views/port_lookup.h"
#include "exporter/scrape/single_flight.h"

struct lookup;

struct lookup_request {
	struct shared_request shared; /* must be first; done gets a struct port_lookup */
	uint16_t port;		      /* not 0 */
	size_t limit; /* sockets of each side, at least 1; the result may have more */
};

/* All that is passed must outlive the result. Returns 0 or -errno. */
int lookup_new(const struct source_options *source, const char *sysfs,
    const struct shared_limit *limit, struct lookup **ret_lookup);
int lookup_start(struct lookup *lookup); /* see sharing_start(), and so on */
void lookup_submit(struct lookup *lookup, struct lookup_request *request);
bool lookup_is_alive(struct lookup *lookup, double seconds);
void lookup_stop(struct lookup *lookup);
void lookup_free(struct lookup *lookup);

#endif
