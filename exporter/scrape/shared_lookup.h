/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SHARED_LOOKUP_H
#define EPHEMERA_SHARED_LOOKUP_H

/* Looks up ports for many requests at once, which share lookups: see single_flight.h. */

#include "collectors/kernel/conntrack.h"
#include "collectors/views/port_lookup.h"
#include "exporter/scrape/single_flight.h"

struct shared_lookup;

struct lookup_request {
	struct shared_request shared; /* must be first; done gets a struct port_lookup */
	uint16_t port;		      /* not 0 */
	size_t limit; /* sockets of each side, at least 1; the result may have more */
};

/*
 * starts: as in struct port_lookup_options. conntrack: for nobody else; NULL: connections of source
 * NAT are not looked up. All that is passed must outlive the result. Returns 0
 * or -errno.
 */
int shared_lookup_new(const struct source_options *source, const char *sysfs,
    const struct lease_starts *starts, struct conntrack *conntrack,
    const struct shared_limit *limit, struct shared_lookup **ret_lookup);
int shared_lookup_start(struct shared_lookup *lookup); /* see single_flight_start(), and so on */
void shared_lookup_submit(struct shared_lookup *lookup, struct lookup_request *request);
bool shared_lookup_is_alive(struct shared_lookup *lookup, double seconds);
void shared_lookup_stop(struct shared_lookup *lookup);
void shared_lookup_free(struct shared_lookup *lookup);

#endif
