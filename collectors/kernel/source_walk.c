// SPDX-License-Identifier: Apache-2.0
/* The part of a source that walks the kernel's tables. */
#include <errno.h>

#include "collectors/kernel/source_state.h"

/* The walk is given up after so many: tables may change too fast once. */
#define WALK_FAILURES 2

bool source_is_walked(const struct source *source, enum listing listing)
{
	switch (listing) {
	case LISTING_TCP_LISTEN:
	case LISTING_TCP_BOUND:
	case LISTING_TCP_CONNECTED:
	case LISTING_TCP:
		return source_walks(source);
	case LISTING_UDP:
		return source_walks_udp(source);
	default:
		return false;
	}
}

static int walk_tables(
    struct source *source, enum listing listing, const struct source_observer *observer)
{
	const struct walk_sink sink = {
	    .observe = observer->observe, .batch = observer->batch, .context = observer->context};
	int result = 0;

	switch (listing) {
	case LISTING_TCP_LISTEN:
		return walk_list(source->walk, WALK_LISTENERS, NULL, &sink);
	case LISTING_UDP:
		return walk_list(source->walk, WALK_UDP, NULL, &sink);
	default:
		if (listing != LISTING_TCP_CONNECTED)
			result = walk_list_binds(source->walk, &sink, &source->held);
		if (listing != LISTING_TCP_BOUND && result == 0)
			result = walk_list(source->walk, WALK_CONNECTED, NULL, &sink);
		return result;
	}
}

/*
 * Never two sources in one scrape: if the walk fails, the scrape begins again, the second time
 * without it.
 */
static int judge_walk(struct source *source, int result)
{
	/* The latter are the observer's; or a namespace is gone. */
	if (result == 0 || result == -ECANCELED || result == -ENOMEM || result == -ESRCH)
		return result;
	if (++source->walk_failures < WALK_FAILURES)
		return -EINTR;
	source->walk_error = result;
	source->walk = NULL;
	return -EINTR;
}

int source_list_by_walk(
    struct source *source, enum listing listing, const struct source_observer *observer)
{
	const int result = walk_tables(source, listing, observer);

	source->used[listing_protocol(listing)] = SOURCE_BPF;
	if (result == 0 && listing == LISTING_TCP_CONNECTED)
		source->walk_failures = 0;
	return judge_walk(source, result);
}

int source_list_namespaces(struct source *source,
    int (*each)(void *context, const struct walk_namespace *entry), void *context)
{
	return judge_walk(source, walk_list_namespaces(source->walk, each, context));
}

int source_read_reserved(struct source *source, uint32_t namespace_id, struct portset *ret_reserved)
{
	return judge_walk(source, walk_read_reserved(source->walk, namespace_id, ret_reserved));
}

int source_list_all(struct source *source, enum walk_table table, uint32_t namespace_id,
    const struct source_observer *observer,
    int (*held)(void *context, uint32_t namespace_id, uint16_t port))
{
	const struct walk_sink sink = {.observe = observer->observe,
	    .batch = observer->batch,
	    .context = observer->context,
	    .held = held};
	const int result = walk_list_all(source->walk, table, namespace_id, NULL, &sink);

	source->used[table == WALK_UDP ? SOCKET_UDP : SOCKET_TCP] = SOURCE_BPF;
	if (result == 0 && table == WALK_CONNECTED)
		source->walk_failures = 0;
	return judge_walk(source, result);
}

bool source_walks(const struct source *source)
{
	return source->walk != NULL;
}

bool source_walks_udp(const struct source *source)
{
	return source->walk && walk_has_udp(source->walk);
}

int source_walk_error(const struct source *source)
{
	return source->walk_error;
}

const struct portset *source_held(const struct source *source)
{
	return &source->held;
}

struct source_options source_without_walk(const struct source_options *options)
{
	struct source_options without = *options;

	if (without.kind == SOURCE_BPF)
		without.kind = SOURCE_SOCK_DIAG;
	without.walk = NULL;
	return without;
}
