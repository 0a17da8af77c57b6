/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PEER_H
#define EPHEMERA_PEER_H

/* The other end of a connection, as the limits tell peers apart. */

#include <stdbool.h>

/*
 * An IPv4 address, mapped or not; the /64 of an IPv6 address, since one client can use all of a
 * /64, and with the interface if it is link-local; or the user at the other end of a unix socket.
 * Compared as bytes.
 */
struct peer {
	unsigned char bytes[16];
	bool is_loopback; /* not compared */
};

/* The peer of the socket. Those that cannot be determined all count as one peer. */
struct peer peer_of(int fd);

bool peer_is_same(const struct peer *a, const struct peer *b);

#endif
