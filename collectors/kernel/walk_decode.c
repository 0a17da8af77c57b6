// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "collectors/kernel/walk.h"

static void decode_timer(const struct walk_record *record, uint32_t tick_ns, struct socket *socket)
{
	/* A timer that is over, and has not run yet, is in the past. */
	const int32_t left = (int32_t)record->value;

	if (left > 0)
		socket->expires_ms = (uint32_t)((uint64_t)left * tick_ns / 1000000);
	socket->has_timestamps = (record->flags & WALK_STAMPED) != 0;
	socket->tells_timestamps = true;
}

static void decode_connected(
    const struct walk_record *record, uint32_t tick_ns, struct socket *socket)
{
	if (record->flags & WALK_TIMER) {
		decode_timer(record, tick_ns, socket);
		return;
	}
	socket->own_first_port = (uint16_t)record->other;
	socket->own_last_port = (uint16_t)(record->other >> 16);
	socket->tells_age = (record->flags & WALK_AGED) != 0;
	if (socket->tells_age)
		socket->age_ms = record->value;
}

static void decode_rest(enum walk_table table, const struct walk_record *record, uint32_t tick_ns,
    struct socket *socket)
{
	switch (table) {
	case WALK_LISTENERS:
		socket->queue = record->value;
		socket->queue_limit = record->other;
		break;
	case WALK_CONNECTED:
		decode_connected(record, tick_ns, socket);
		break;
	default:
		socket->inode = record->value;
		socket->uid = record->other;
		break;
	}
}

int walk_decode(enum walk_table table, const struct walk_record *record, uint32_t tick_ns,
    struct socket *ret_socket)
{
	struct socket socket = {
	    .protocol = table == WALK_UDP ? SOCKET_UDP : SOCKET_TCP,
	    .family = record->flags & WALK_IPV6 ? SOCKET_IPV6 : SOCKET_IPV4,
	    .state = table == WALK_BINDS ? SOCKET_BOUND : (enum socket_state)record->state,
	    .local_port = record->local_port,
	    .remote_port = record->remote_port,
	    .interface = record->interface,
	    .ipv6_only = (record->flags & WALK_IPV6_ONLY) != 0,
	    .tells_ipv6_only = true,
	    .cgroup_id = record->cgroup_id,
	    .is_chosen = (record->flags & WALK_CHOSEN) != 0,
	    .namespace_id = record->namespace_id,
	};

	if (record->state == 0 || record->state >= SOCKET_STATES)
		return -EBADMSG;
	/* A FIN_WAIT2 with a timer is no socket any more. */
	socket.is_abandoned =
	    socket_was_abandoned(&socket, !(record->flags & (WALK_ABANDONED | WALK_TIMER)));
	/* A TIME_WAIT has lost that mark. */
	socket.tells_chosen = socket.state != SOCKET_TIME_WAIT && !(record->flags & WALK_TIMER);
	memcpy(&socket.local, record->local, sizeof(socket.local));
	memcpy(&socket.remote, record->remote, sizeof(socket.remote));
	decode_rest(table, record, tick_ns, &socket);
	socket_normalise(&socket);
	*ret_socket = socket;
	return 0;
}
