// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/port_use.h"

/*
 * tcp_twsk_unique() in net/ipv4/tcp_ipv4.c: if tcp_tw_reuse applies, connect() can take over a
 * TIME_WAIT that is older than the delay and had timestamps. sock_diag does not show these;
 * the current setting does not either: it may have changed, and the peer has its own.
 */
#define LOOPBACK_INTERFACE 1u /* LOOPBACK_IFINDEX, the same in every namespace */

static bool is_on_loopback(const struct socket *socket)
{
	return socket->interface == LOOPBACK_INTERFACE ||
	       socket_address_is_loopback(&socket->local, socket->family) ||
	       socket_address_is_loopback(&socket->remote, socket->family);
}

bool port_use_may_be_reused(const struct socket *socket, const struct settings *settings)
{
	return socket->state == SOCKET_TIME_WAIT && settings->time_wait_reuse > 0 &&
	       (settings->time_wait_reuse != 2 || is_on_loopback(socket)) &&
	       socket->expires_ms < TIME_WAIT_MS &&
	       TIME_WAIT_MS - socket->expires_ms > (unsigned)settings->time_wait_reuse_delay_ms;
}

static bool has_timestamps(const struct socket *socket, const struct buckets_found *stamps)
{
	return socket->tells_timestamps ? socket->has_timestamps
					: stamps && stamps_has(stamps, socket);
}

enum port_use port_use_of(const struct socket *socket, const struct settings *settings,
    const struct buckets_found *stamps)
{
	if (socket->state != SOCKET_TIME_WAIT)
		return PORT_ACTIVE;
	return port_use_may_be_reused(socket, settings) && has_timestamps(socket, stamps)
		   ? PORT_REUSABLE
		   : PORT_TIME_WAIT;
}
