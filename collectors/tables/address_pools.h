/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADDRESS_POOLS_H
#define EPHEMERA_ADDRESS_POOLS_H

/*
 * Which ports bind(ADDRESS, 0) cannot have, of one protocol. Who bars whom is
 * ipv6_rcv_saddr_equal() and ipv4_rcv_saddr_equal() in net/ipv4/inet_connection_sock.c: an
 * IPv6 socket that leaves IPv4 alone (IPV6_V6ONLY) and an IPv4 one never do.
 */

#include "collectors/tables/address_table.h"

struct address_pools {
	struct portset wildcard[SOCKET_FAMILIES]; /* by wildcard sockets: for all addresses */
	struct portset any[SOCKET_FAMILIES];	  /* what bind() to the family's wildcard lacks */
	struct portset sure4; /* of any[SOCKET_IPV4]: whose sockets do hold them, for sure */
	struct portset ipv6;  /* what bind() to :: lacks where it leaves IPv4 alone */
	struct address_table *addresses;   /* by sockets on an address of their own */
	struct address_table *ipv6_only;   /* where listeners take IPv6 alone, */
	struct portset ipv6_only_wildcard; /* on one address or on all of them */
	unsigned long untracked;	   /* sockets on addresses beyond the limit */
};

/* pools: all zero. limit: how many addresses are told apart. Returns 0 or -ENOMEM. */
int address_pools_init(struct address_pools *pools, size_t limit);
void address_pools_release(struct address_pools *pools);
/* Forgets everything that was taken. */
void address_pools_clear(struct address_pools *pools);

/* Takes the socket's local port, be it in a range or not. Returns 0 or -ENOMEM. */
int address_pools_take(struct address_pools *pools, const struct socket *socket);

#endif
