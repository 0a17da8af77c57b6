/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_POOLS_H
#define EPHEMERA_SNAT_POOLS_H

/*
 * Ports that source NAT has used up, of the tuples of answers: a port of the SNAT address is taken
 * once for each (protocol, SNAT address, destination, destination port), whoever has it. So
 * connections that are not translated count too, where others to the same destination are:
 * nf_conntrack_tuple_taken() in net/netfilter/nf_conntrack_core.c. Each conntrack zone has ports of
 * its own.
 */

#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/portset.h"
#include "collectors/tables/destination_table.h"

/* How struct destination's ports are used here; its source is the SNAT address. */
enum snat_use {
	SNAT_ACTIVE = PORT_ACTIVE,    /* translated */
	SNAT_PLAIN = PORT_TIME_WAIT,  /* not translated, and it takes a port all the same */
	SNAT_CLOSING = PORT_REUSABLE, /* translated, and the kernel may evict it for another */
};

struct snat_pools;

/* The conntrack zone of a pool; 0: the default one, where a pool takes no memory for it. */
static inline uint16_t snat_pool_zone(const struct destination *pool)
{
	return (uint16_t)pool->interface;
}

struct snat_pools_options {
	struct port_range ports; /* those that source NAT chooses from; others are not counted */
	bool evicts;		 /* the kernel evicts closing entries: Linux 6.5 */
	bool has_clients;	 /* whether original sources are told apart */
	size_t limit;		 /* of pools of each protocol and family, and of their clients */
};

/* NULL: out of memory. */
struct snat_pools *snat_pools_new(const struct snat_pools_options *options);
void snat_pools_clear(struct snat_pools *pools);
void snat_pools_free(struct snat_pools *pools); /* NULL is fine */

/* Counts the entry. Returns 0 or -ENOMEM. */
int snat_pools_add(struct snat_pools *pools, const struct conntrack_entry *entry);

/* The entries of pools beyond the limit. */
unsigned long snat_pools_untracked(
    const struct snat_pools *pools, enum socket_protocol protocol, enum socket_family family);

/*
 * Iterates over the pools in which anything is translated, as destination_table_next(). A pool is a
 * destination whose source is the SNAT address.
 */
bool snat_pools_next(const struct snat_pools *pools, enum socket_protocol protocol,
    enum socket_family family, size_t *position, struct destination *ret_pool);

struct snat_client {
	struct socket_address address;
	unsigned long ports; /* SNAT_ACTIVE ones */
};

/*
 * Writes the clients with the most active ports of a pool, the one with most first, and returns how
 * many, at most room; or -ENOMEM. Clients beyond the limits are left out.
 */
int snat_pools_clients(const struct snat_pools *pools, enum socket_protocol protocol,
    const struct destination *pool, struct snat_client *clients, size_t room);

#endif
