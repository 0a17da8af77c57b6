// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/snat_pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tables/address_ids.h"

struct snat_pools {
	struct snat_pools_options options;
	struct destination_table *tables[SOCKET_PROTOCOLS];
	struct address_ids *clients; /* NULL: they are not told apart */
	unsigned long untracked[SOCKET_PROTOCOLS][SOCKET_FAMILIES];
};

struct snat_pools *snat_pools_new(const struct snat_pools_options *options)
{
	struct snat_pools *pools = calloc(1, sizeof(*pools));
	int result = 0;

	if (!pools)
		return NULL;
	pools->options = *options;
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS && result == 0; i++)
		result =
		    destination_table_new(options->limit, options->has_clients, &pools->tables[i]);
	if (result == 0 && options->has_clients) {
		pools->clients = address_ids_new();
		result = pools->clients ? 0 : -ENOMEM;
	}
	if (result == 0)
		return pools;
	snat_pools_free(pools);
	return NULL;
}

void snat_pools_clear(struct snat_pools *pools)
{
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		destination_table_clear(pools->tables[i]);
	if (pools->clients)
		address_ids_clear(pools->clients);
	memset(pools->untracked, 0, sizeof(pools->untracked));
}

void snat_pools_free(struct snat_pools *pools)
{
	if (!pools)
		return;
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		destination_table_free(pools->tables[i]);
	address_ids_free(pools->clients);
	free(pools);
}

static enum snat_use use_of(const struct snat_pools *pools, const struct conntrack_entry *entry)
{
	if (!conntrack_is_translated(entry))
		return SNAT_PLAIN;
	return entry->is_closing && pools->options.evicts ? SNAT_CLOSING : SNAT_ACTIVE;
}

int snat_pools_add(struct snat_pools *pools, const struct conntrack_entry *entry)
{
	const enum snat_use use = use_of(pools, entry);
	struct socket socket = {
	    .protocol = entry->protocol,
	    .family = entry->family,
	    .local = entry->reply.destination,
	    .remote = entry->reply.source,
	    .remote_port = entry->reply.source_port,
	    .interface = entry->zone, /* see snat_pool_zone() */
	};
	int result = 0;

	if (!port_range_has(pools->options.ports, entry->reply.destination_port))
		return 0;
	if (pools->clients && use == SNAT_ACTIVE)
		result = address_ids_add(
		    pools->clients, entry->family, &entry->original.source, &socket.cgroup_id);
	if (result < 0)
		return result;
	result = destination_table_add(pools->tables[entry->protocol], &socket, (enum port_use)use);
	if (result != -ENOBUFS)
		return result;
	pools->untracked[entry->protocol][entry->family]++;
	return 0;
}

unsigned long snat_pools_untracked(
    const struct snat_pools *pools, enum socket_protocol protocol, enum socket_family family)
{
	return pools->untracked[protocol][family];
}

bool snat_pools_next(const struct snat_pools *pools, enum socket_protocol protocol,
    enum socket_family family, size_t *position, struct destination *ret_pool)
{
	while (destination_table_next(pools->tables[protocol], family, position, ret_pool))
		if (ret_pool->ports[SNAT_ACTIVE] || ret_pool->ports[SNAT_CLOSING])
			return true;
	return false;
}

static int compare(const void *first, const void *second)
{
	const struct owner *a = first;
	const struct owner *b = second;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->cgroup_id < b->cgroup_id ? -1 : a->cgroup_id > b->cgroup_id;
}

int snat_pools_clients(const struct snat_pools *pools, enum socket_protocol protocol,
    const struct destination *pool, struct snat_client *clients, size_t room)
{
	struct owner *list;
	size_t length;
	size_t found = 0;
	const int result =
	    destination_table_list_owners(pools->tables[protocol], pool, &list, &length);

	if (result < 0)
		return result;
	if (length)
		qsort(list, length, sizeof(*list), compare);
	for (size_t i = 0; i < length && found < room; i++) {
		if (!address_ids_find(pools->clients, list[i].cgroup_id, &clients[found].address))
			continue;
		clients[found++].ports = list[i].count;
	}
	free(list);
	return (int)found;
}
