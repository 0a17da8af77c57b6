// SPDX-License-Identifier: Apache-2.0
#include "collectors/port_use.h"

/*
 * tcp_twsk_unique() in net/ipv4/tcp_ipv4.c: a TIME_WAIT can be taken over where
 * tcp_tw_reuse applies, once it is older than the delay, if the connection used
 * timestamps. That its peer did cannot be seen in a record; that this host does not, can.
 */
#define LOOPBACK_INTERFACE 1u /* LOOPBACK_IFINDEX, the same in every namespace */

static bool is_on_loopback(const struct socket *socket)
{
	return socket->interface == LOOPBACK_INTERFACE ||
	       socket_address_is_loopback(&socket->local, socket->family) ||
	       socket_address_is_loopback(&socket->remote, socket->family);
}

enum port_use port_use_of(const struct socket *socket, const struct settings *settings)
{
	if (socket->state != SOCKET_TIME_WAIT)
		return PORT_ACTIVE;
	if (settings->time_wait_reuse <= 0 || settings->timestamps == 0 ||
	    (settings->time_wait_reuse == 2 && !is_on_loopback(socket)) ||
	    socket->expires_ms >= TIME_WAIT_MS)
		return PORT_TIME_WAIT;
	return TIME_WAIT_MS - socket->expires_ms > (unsigned)settings->time_wait_reuse_delay_ms
		   ? PORT_REUSABLE
		   : PORT_TIME_WAIT;
}
