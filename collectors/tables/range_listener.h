/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RANGE_LISTENER_H
#define EPHEMERA_RANGE_LISTENER_H

/* A socket that waits on a port of the range: all that its labels show. */

#include "collectors/kernel/socket.h"

struct range_listener {
	enum socket_protocol protocol;
	uint16_t port;
	enum socket_family family;
	struct socket_address address;
	uint32_t interface; /* 0: on all */
};

/* A total order: TCP before UDP, and then by port. Negative, 0 or positive. */
int range_listener_compare(const struct range_listener *a, const struct range_listener *b);

struct range_listener range_listener_of(const struct socket *socket);

#endif
