// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/shared_lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Looking through a process with a million descriptors takes seconds: too long for a pointer that
 * moves over the map. Holders not found by then are reported as unknown.
 */
#define SEARCH_SECONDS 1.0

struct shared_lookup {
	const struct source_options *source;
	const char *sysfs;
	const struct lease_starts *starts;
	struct conntrack *conntrack; /* NULL: not looked at */
	struct single_flight *sharing;
	struct portset ports; /* of the lookup in progress, or of the next; under sharing's lock */
	size_t limit;
};

static const struct lookup_request *request_of(const struct shared_request *request)
{
	return (const struct lookup_request *)request; /* its first member */
}

static void add_request(void *context, const struct shared_request *request)
{
	struct shared_lookup *lookup = context;

	portset_add(&lookup->ports, request_of(request)->port);
	if (request_of(request)->limit > lookup->limit)
		lookup->limit = request_of(request)->limit;
}

static bool covers(void *context, const struct shared_request *request)
{
	const struct shared_lookup *lookup = context;

	return portset_has(&lookup->ports, request_of(request)->port) &&
	       request_of(request)->limit <= lookup->limit;
}

static int add_snat(const struct shared_lookup *lookup, struct port_lookup *found)
{
	struct port_snat *snat;
	int result = 0;

	if (!lookup->conntrack)
		return 0;
	result = port_snat_walk(lookup->conntrack, &lookup->ports, NULL, &snat);
	if (result == 0)
		port_lookup_take_snat(found, &lookup->ports, snat);
	return result;
}

static int work(
    void *context, bool (*should_stop)(void *sharing), void *sharing, const void **ret_result)
{
	const struct shared_lookup *lookup = context;
	const struct port_lookup_options options = {
	    .source = lookup->source,
	    .sysfs = lookup->sysfs,
	    .starts = lookup->starts,
	    .limit = lookup->limit,
	    .search_seconds = SEARCH_SECONDS,
	    .should_stop = should_stop,
	    .context = sharing,
	};
	struct port_lookup *found;
	int result = port_lookup_run(&options, &lookup->ports, &found);

	if (result < 0)
		return result;
	result = add_snat(lookup, found);
	if (result < 0)
		port_lookup_free(found);
	else
		*ret_result = found;
	return result;
}

static void finish(void *context, const void *result)
{
	struct shared_lookup *lookup = context;

	port_lookup_free((struct port_lookup *)result);
	memset(&lookup->ports, 0, sizeof(lookup->ports));
	lookup->limit = 0;
}

int shared_lookup_new(const struct source_options *source, const char *sysfs,
    const struct lease_starts *starts, struct conntrack *conntrack,
    const struct shared_limit *limit, struct shared_lookup **ret_lookup)
{
	struct shared_lookup *lookup = calloc(1, sizeof(*lookup));
	const struct shared_work shared = {add_request, covers, work, finish, lookup};

	if (!lookup)
		return -ENOMEM;
	lookup->source = source;
	lookup->sysfs = sysfs;
	lookup->starts = starts;
	lookup->conntrack = conntrack;

	const int result = single_flight_new(&shared, limit, &lookup->sharing);

	if (result < 0) {
		free(lookup);
		return result;
	}
	*ret_lookup = lookup;
	return 0;
}

int shared_lookup_start(struct shared_lookup *lookup)
{
	return single_flight_start(lookup->sharing);
}

void shared_lookup_submit(struct shared_lookup *lookup, struct lookup_request *request)
{
	single_flight_submit(lookup->sharing, &request->shared);
}

bool shared_lookup_is_alive(struct shared_lookup *lookup, double seconds)
{
	return single_flight_is_alive(lookup->sharing, seconds);
}

void shared_lookup_stop(struct shared_lookup *lookup)
{
	single_flight_stop(lookup->sharing);
}

void shared_lookup_free(struct shared_lookup *lookup)
{
	if (!lookup)
		return;
	single_flight_free(lookup->sharing);
	free(lookup);
}
