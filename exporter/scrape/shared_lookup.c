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

struct lookup {
	const struct source_options *source;
	const char *sysfs;
	struct sharing *sharing;
	struct portset ports; /* of the lookup in progress, or of the next; under sharing's lock */
	size_t limit;
};

static const struct lookup_request *request_of(const struct shared_request *request)
{
	return (const struct lookup_request *)request; /* its first member */
}

static void add_request(void *context, const struct shared_request *request)
{
	struct lookup *lookup = context;

	portset_add(&lookup->ports, request_of(request)->port);
	if (request_of(request)->limit > lookup->limit)
		lookup->limit = request_of(request)->limit;
}

static bool covers(void *context, const struct shared_request *request)
{
	const struct lookup *lookup = context;

	return portset_has(&lookup->ports, request_of(request)->port) &&
	       request_of(request)->limit <= lookup->limit;
}

static int work(
    void *context, bool (*should_stop)(void *sharing), void *sharing, const void **ret_result)
{
	const struct lookup *lookup = context;
	const struct port_lookup_options options = {
	    .source = lookup->source,
	    .sysfs = lookup->sysfs,
	    .limit = lookup->limit,
	    .search_seconds = SEARCH_SECONDS,
	    .should_stop = should_stop,
	    .context = sharing,
	};
	struct port_lookup *found;
	const int result = port_lookup_run(&options, &lookup->ports, &found);

	if (result == 0)
		*ret_result = found;
	return result;
}

static void finish(void *context, const void *result)
{
	struct lookup *lookup = context;

	port_lookup_free((struct port_lookup *)result);
	memset(&lookup->ports, 0, sizeof(lookup->ports));
	lookup->limit = 0;
}

int lookup_new(const struct source_options *source, const char *sysfs,
    const struct shared_limit *limit, struct lookup **ret_lookup)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	const struct shared_work shared = {add_request, covers, work, finish, lookup};

	if (!lookup)
		return -ENOMEM;
	lookup->source = source;
	lookup->sysfs = sysfs;

	const int result = sharing_new(&shared, limit, &lookup->sharing);

	if (result < 0) {
		free(lookup);
		return result;
	}
	*ret_lookup = lookup;
	return 0;
}

int lookup_start(struct lookup *lookup)
{
	return sharing_start(lookup->sharing);
}

void lookup_submit(struct lookup *lookup, struct lookup_request *request)
{
	sharing_submit(lookup->sharing, &request->shared);
}

bool lookup_is_alive(struct lookup *lookup, double seconds)
{
	return sharing_is_alive(lookup->sharing, seconds);
}

void lookup_stop(struct lookup *lookup)
{
	sharing_stop(lookup->sharing);
}

void lookup_free(struct lookup *lookup)
{
	if (!lookup)
		return;
	sharing_free(lookup->sharing);
	free(lookup);
}
