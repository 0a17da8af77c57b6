/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADDRESS_POOLS_H
#define EPHEMERA_ADDRESS_POOLS_H

/*
 * The ports that bind(ADDRESS, 0) cannot get, for one protocol. Which socket blocks which address:
 * ipv6_rcv_saddr_equal() and ipv4_rcv_saddr_equal() in net/ipv4/inet_connection_sock.c. An
 * IPv6-only socket (IPV6_V6ONLY) and an IPv4 socket never block each other.
 */

#include "collectors/tables/address_table.h"

struct address_pools {
	struct portset wildcard[SOCKET_FAMILIES]; /* taken by wildcard sockets, on all addresses */
	struct portset any[SOCKET_FAMILIES];	  /* blocked for bind() to the wildcard */
	struct portset sure4;		   /* those of any[SOCKET_IPV4] that are blocked for sure */
	struct portset ipv6;		   /* blocked for an IPv6-only bind() to :: */
	struct address_table *addresses;   /* taken by sockets on a single address */
	struct address_table *ipv6_only;   /* taken by IPv6-only listeners on a single address, */
	struct portset ipv6_only_wildcard; /* and on all addresses */
	unsigned long untracked;	   /* sockets on addresses beyond the limit */
};

/* pools must be all zero. limit: maximum addresses. Returns 0 or -ENOMEM. */
int address_pools_init(struct address_pools *pools, size_t limit);
void address_pools_release(struct address_pools *pools);
/* Forgets all ports. */
void address_pools_clear(struct address_pools *pools);

/* Adds the socket's local port, in the range or not. Returns 0 or -ENOMEM. */
int address_pools_take(struct address_pools *pools, const struct socket *socket);

#endif
