/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PEER_H
#define EPHEMERA_PEER_H

/* Who is at the other end of a connection, as far as limits go by it. */

#include <stdbool.h>

/*
 * An IPv4 address, mapped or not; the /64 of an IPv6 address, since whoever has one has
 * all of it; or the user at the other end of a unix socket. Compared as bytes.
 */
struct peer {
	unsigned char bytes[16];
	bool is_loopback; /* not compared */
};

/* Who is connected to the socket; where that cannot be told, the same for all of these. */
struct peer peer_of(int fd);

bool peer_is_same(const struct peer *a, const struct peer *b);

#endif
