// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/address_pools.h"

#include <errno.h>
#include <string.h>

int address_pools_init(struct address_pools *pools, size_t limit)
{
	const int result = address_table_new(limit, &pools->addresses);

	return result < 0 ? result : address_table_new(limit, &pools->ipv6_only);
}

void address_pools_release(struct address_pools *pools)
{
	address_table_free(pools->addresses);
	address_table_free(pools->ipv6_only);
}

void address_pools_clear(struct address_pools *pools)
{
	memset(pools->wildcard, 0, sizeof(pools->wildcard));
	memset(pools->any, 0, sizeof(pools->any));
	memset(&pools->sure4, 0, sizeof(pools->sure4));
	memset(&pools->ipv6, 0, sizeof(pools->ipv6));
	memset(&pools->ipv6_only_wildcard, 0, sizeof(pools->ipv6_only_wildcard));
	pools->untracked = 0;
	address_table_clear(pools->addresses);
	address_table_clear(pools->ipv6_only);
}

/*
 * Whether an IPv6 socket on a single address blocks its port for IPv4's wildcard.
 * inet6_bind() makes a socket that binds such an address IPv6-only, and an accepted socket
 * inherits that; one whose address came from connect() stays open to both
 * (inet_rcv_saddr_equal() in net/ipv4/inet_connection_sock.c). Records of connected
 * sockets do not have the flag, and /proc/net has it for none. A socket whose listener does not
 * show that it is IPv6-only counts as not: the pools then promise too few ports, never too many.
 */
static bool blocks_ipv4_wildcard(const struct address_pools *pools, const struct socket *socket)
{
	if (socket->tells_ipv6_only)
		return !socket->ipv6_only;
	return !portset_has(&pools->ipv6_only_wildcard, socket->local_port) &&
	       !address_table_has(pools->ipv6_only, socket);
}

/* Listeners come before the connections that they accepted. */
static int note_ipv6_only(struct address_pools *pools, const struct socket *socket)
{
	int result = 0;

	if (socket->state == SOCKET_LISTEN && socket->ipv6_only)
		result = address_table_add(pools->ipv6_only, socket);
	return result == -ENOBUFS ? 0 : result;
}

/* Blocks its port for IPv4's wildcard. */
static void take_any4(struct address_pools *pools, const struct socket *socket)
{
	portset_add(&pools->any[SOCKET_IPV4], socket->local_port);
	if (socket->family == SOCKET_IPV4 || socket->tells_ipv6_only)
		portset_add(&pools->sure4, socket->local_port);
}

static void take_wildcard(struct address_pools *pools, const struct socket *socket)
{
	portset_add(&pools->wildcard[socket->family], socket->local_port);
	if (socket->family == SOCKET_IPV6 && socket->ipv6_only) {
		portset_add(&pools->ipv6_only_wildcard, socket->local_port);
		return;
	}
	portset_add(&pools->wildcard[SOCKET_IPV4], socket->local_port);
	take_any4(pools, socket);
}

/*
 * If connect() gives an IPv6 UDP socket its address, IPv4 sees the socket on 127.0.0.6:
 * LOOPBACK4_IPV6 in __ip6_datagram_connect() in net/ipv6/datagram.c. TCP checks the family.
 */
static bool is_found_on_loopback4(const struct address_pools *pools, const struct socket *socket)
{
	return socket->protocol == SOCKET_UDP && socket->family == SOCKET_IPV6 &&
	       socket->state == SOCKET_ESTABLISHED && blocks_ipv4_wildcard(pools, socket);
}

/* Clients of a wildcard listener take no port that it has not taken already. */
static int take_address(struct address_pools *pools, const struct socket *socket)
{
	if (portset_has(&pools->wildcard[socket->family], socket->local_port))
		return 0;

	const int result = address_table_add(pools->addresses, socket);

	if (result == -ENOBUFS) {
		pools->untracked++;
		return 0;
	}
	return result;
}

static int take_loopback4(struct address_pools *pools, const struct socket *socket)
{
	const struct socket there = {
	    .protocol = socket->protocol,
	    .family = SOCKET_IPV4,
	    .local = {{127, 0, 0, 6}},
	    .local_port = socket->local_port,
	};

	return take_address(pools, &there);
}

int address_pools_take(struct address_pools *pools, const struct socket *socket)
{
	portset_add(&pools->any[SOCKET_IPV6], socket->local_port);
	if (socket->family == SOCKET_IPV6)
		portset_add(&pools->ipv6, socket->local_port);
	if (socket_address_is_any(&socket->local)) {
		take_wildcard(pools, socket);
		return 0;
	}
	if (socket->family == SOCKET_IPV4 || blocks_ipv4_wildcard(pools, socket))
		take_any4(pools, socket);

	int result = note_ipv6_only(pools, socket);

	if (result == 0 && is_found_on_loopback4(pools, socket))
		result = take_loopback4(pools, socket);
	return result < 0 ? result : take_address(pools, socket);
}
