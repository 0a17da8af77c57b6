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
	bool is_unix;	  /* not compared */
};

/* The peer of the socket. Those that cannot be determined all count as one peer. */
struct peer peer_of(int fd);

/*
 * Sets ret_network to the /48 of an IPv6 peer: a site has one, and with it 65,536 peers. Returns
 * false if the peer is of another kind.
 */
bool peer_network(const struct peer *peer, struct peer *ret_network);

bool peer_is_same(const struct peer *a, const struct peer *b);

#endif
