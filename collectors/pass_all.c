// SPDX-License-Identifier: Apache-2.0
/* One walk over the sockets of all network namespaces, each handed to the instance of its own. */
#include <errno.h>
#include <time.h>

#include "collectors/kernel/clock.h"
#include "collectors/pass.h"

/* The instance that shows the namespace; NULL: none does. */
static struct instance *instance_of(struct pass *pass, const struct netns *netns)
{
	return netns->entry.flags & WALK_READER ? &pass->gatherer->own : netns->instance;
}

static void hand_to(struct instance *instance, const struct socket *socket)
{
	if (socket->protocol == SOCKET_TCP) {
		instance_observe_tcp(instance, socket, true);
		return;
	}
	if (socket->is_chosen)
		instance_observe_udp_chosen(instance, socket);
	instance_observe_udp(instance, socket);
}

static int observe(void *context, const struct socket *socket)
{
	struct pass *pass = context;
	struct namespaces *namespaces = pass->gatherer->namespaces;
	struct netns *netns = namespaces_find(namespaces, socket->namespace_id);
	struct instance *instance;
	struct instance *viewed;

	/* It came after the list of namespaces was made: the next gathering has it. */
	if (!netns)
		return 0;
	pass->gathering->sockets++;
	instance = instance_of(pass, netns);
	viewed = netns_views_instance(netns);
	if (instance)
		hand_to(instance, socket);
	if (viewed)
		hand_to(viewed, socket);
	return namespaces_observe(namespaces, netns, socket);
}

static int hold(void *context, uint32_t namespace_id, uint16_t port)
{
	struct pass *pass = context;
	struct netns *netns = namespaces_find(pass->gatherer->namespaces, namespace_id);
	struct instance *instance = netns ? instance_of(pass, netns) : NULL;
	struct instance *viewed = netns ? netns_views_instance(netns) : NULL;

	if (instance)
		portset_add(&instance->facts.holders.connected, port);
	if (viewed)
		portset_add(&viewed->facts.holders.connected, port);
	return netns ? namespaces_hold(netns, port) : 0;
}

static int list_table(
    struct pass *pass, enum listing listing, enum walk_table table, uint32_t namespace_id)
{
	const struct source_observer observer = {observe, pass_batch, pass};
	const struct timespec start = clock_now();
	const int result =
	    source_list_all(pass->gatherer->source, table, namespace_id, &observer, hold);

	pass->gathering->listed[listing] = true;
	pass->gathering->listing_seconds[listing] += clock_seconds_since(&start);
	return result;
}

/* The table that most namespaces share, and those that some have for themselves. */
static int list_tables(
    struct pass *pass, enum listing listing, enum walk_table table, uint32_t own_table)
{
	const struct namespaces *namespaces = pass->gatherer->namespaces;
	int result = list_table(pass, listing, table, 0);

	for (size_t i = 0; i < namespaces_length(namespaces) && result == 0; i++) {
		const struct netns *netns = namespaces_at(namespaces, i);

		if (!(netns->entry.flags & own_table))
			continue;
		result = list_table(pass, listing, table, netns->id);
		/* It is gone, with all that it had. */
		if (result == -ESRCH)
			result = 0;
	}
	return result;
}

static void begin_held(struct pass *pass)
{
	static const struct portset none;
	const struct namespaces *namespaces = pass->gatherer->namespaces;

	holders_take_held(&pass->gatherer->own.facts.holders, &none);
	for (size_t i = 0; i < namespaces_length(namespaces); i++) {
		const struct netns *netns = namespaces_at(namespaces, i);
		struct instance *viewed = netns_views_instance(netns);

		if (netns->instance)
			holders_take_held(&netns->instance->facts.holders, &none);
		if (viewed)
			holders_take_held(&viewed->facts.holders, &none);
	}
}

static void finish_facts(struct pass *pass)
{
	const struct namespaces *namespaces = pass->gatherer->namespaces;

	instance_finish_facts(&pass->gatherer->own);
	for (size_t i = 0; i < namespaces_length(namespaces); i++) {
		const struct netns *netns = namespaces_at(namespaces, i);
		struct instance *viewed = netns_views_instance(netns);

		if (netns->instance)
			instance_finish_facts(netns->instance);
		if (viewed)
			instance_finish_facts(viewed);
	}
}

int pass_list_all(struct pass *pass)
{
	struct gatherer *gatherer = pass->gatherer;
	int result =
	    namespaces_begin(gatherer->namespaces, gatherer->source, pass->gathering->asked);

	if (result < 0)
		return result;
	begin_held(pass);
	result = list_tables(pass, LISTING_TCP_LISTEN, WALK_LISTENERS, 0);
	if (result == 0)
		result = list_tables(pass, LISTING_TCP_BOUND, WALK_BINDS, 0);
	if (result == 0)
		result =
		    list_tables(pass, LISTING_TCP_CONNECTED, WALK_CONNECTED, WALK_OWN_TCP_TABLE);
	if (result < 0)
		return result;
	finish_facts(pass);
	pass->gathering->features |= FEATURE_BIND_BEFORE_CONNECT | FEATURE_TIME_WAIT_REUSE;
	if (!source_walks_udp(gatherer->source))
		return pass_list_udp(pass);
	return list_tables(pass, LISTING_UDP, WALK_UDP, WALK_OWN_UDP_TABLE);
}
