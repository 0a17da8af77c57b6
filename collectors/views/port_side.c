// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/grow.h"

/* What people look for comes first, and is kept: services before connections. */
static int rank_of(const struct socket *socket)
{
	switch (socket->state) {
	case SOCKET_LISTEN:
		return 0;
	case SOCKET_BOUND:
		return 1;
	case SOCKET_CLOSE: /* UDP without a peer */
		return 2;
	case SOCKET_TIME_WAIT:
		return 4;
	default:
		return 3;
	}
}

static int compare_numbers(unsigned long a, unsigned long b)
{
	return a < b ? -1 : a > b;
}

static int compare(const struct socket *a, const struct socket *b)
{
	const int differences[] = {
	    rank_of(a) - rank_of(b),
	    compare_numbers(a->protocol, b->protocol),
	    compare_numbers(a->family, b->family),
	    memcmp(&a->remote, &b->remote, sizeof(a->remote)),
	    compare_numbers(a->remote_port, b->remote_port),
	    memcmp(&a->local, &b->local, sizeof(a->local)),
	    compare_numbers(a->local_port, b->local_port),
	    compare_numbers(a->interface, b->interface),
	};

	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
		if (differences[i])
			return differences[i];
	return compare_numbers(a->inode, b->inode);
}

static size_t place_in(const struct port_side *side, const struct socket *socket)
{
	size_t low = 0;
	size_t high = side->length;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (compare(&side->list[middle].socket, socket) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int port_side_keep(struct port_side *side, const struct socket *socket, size_t limit)
{
	const size_t at = place_in(side, socket);

	side->total++;
	if (socket->state == SOCKET_TIME_WAIT) {
		side->time_wait++;
		if (socket->expires_ms > side->time_wait_ms)
			side->time_wait_ms = socket->expires_ms;
	}
	if (side->length < limit) {
		struct port_socket *grown =
		    grow_for_one(side->list, side->length, sizeof(*side->list));

		if (!grown)
			return -ENOMEM;
		side->list = grown;
		side->length++;
	}
	if (at == side->length)
		return 0;
	memmove(
	    &side->list[at + 1], &side->list[at], (side->length - 1 - at) * sizeof(side->list[0]));
	side->list[at] = (struct port_socket){.socket = *socket};
	return 0;
}

struct port_socket *port_side_find(const struct port_side *side, const struct socket *socket)
{
	for (size_t i = 0; i < side->length; i++)
		if (side->list[i].socket.inode == socket->inode &&
		    socket_same_ends(&side->list[i].socket, socket))
			return &side->list[i];
	return NULL;
}
