/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_INET_DIAG_H
#define EPHEMERA_INET_DIAG_H

/* Requests to sock_diag, and its records. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/port_filter.h"
#include "collectors/kernel/socket.h"

struct nlmsghdr;

/*
 * The listings of one look at a namespace. No socket is in two of them, except that
 * LISTING_TCP_BOUND and LISTING_TCP_CONNECTED are the two parts of LISTING_TCP, LISTING_UDP is both
 * families' listings, and the *_CHOSEN ones list some sockets of the others again.
 */
enum listing {
	LISTING_TCP_LISTEN,  /* both families; walks no table, so it costs almost nothing */
	LISTING_TCP_CHOSEN,  /* connected, from a port that bind() got by number */
	LISTING_TCP_BOUND,   /* bound-only, both families */
	LISTING_TCP,	     /* all except LISTEN, both families; bound-only ones come first */
	LISTING_UDP4_CHOSEN, /* UDP, with a port that bind() got by number */
	LISTING_UDP6_CHOSEN,
	LISTING_UDP4,
	LISTING_UDP6,
	LISTING_TCP_BINDS_CHOSEN, /* LISTEN and bound-only, with a port that bind() got by number */
	LISTING_TCP_CONNECTED,	  /* all except LISTEN and bound-only, both families */
	LISTING_UDP,		  /* both families; sock_diag has no request for both */
	LISTINGS
};

/* "tcp_listen", "tcp_chosen" and so on; never NULL. */
const char *listing_name(enum listing listing);
enum socket_protocol listing_protocol(enum listing listing);

/* Whether the listing can have the socket, by protocol and state. */
bool listing_may_have(enum listing listing, const struct socket *socket);

#define INET_DIAG_REQUEST_SIZE (128 + PORT_FILTER_CODE_SIZE)

/*
 * Writes the dump request for listing into buffer and returns it as a message. filter: NULL, or the
 * sockets to list; others may come too, see port_filter_compile().
 */
struct nlmsghdr *inet_diag_request(enum listing listing, const struct port_filter *filter,
    char buffer[static INET_DIAG_REQUEST_SIZE]);

/*
 * Reads one record of listing into socket, which is undefined on error. Skips unknown attributes.
 * Returns 0; or -EBADMSG if the record or a known attribute is too short, or its family or state
 * does not exist.
 */
int inet_diag_decode(enum listing listing, const struct nlmsghdr *message, struct socket *socket);

#endif
