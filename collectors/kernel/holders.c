// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/holders.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/clock.h"

void holders_note_bind(struct holders *holders, const struct socket *socket)
{
	if (socket->state == SOCKET_LISTEN)
		portset_add(&holders->listen, socket->local_port);
	else
		portset_add(&holders->bound, socket->local_port);
}

void holders_take_held(struct holders *holders, const struct portset *held)
{
	holders->connected = *held;
	holders->connected_age_seconds = 0;
	holders->sees_buckets = true;
	holders->tells_reuse = true;
}

/*
 * An end outside the namespace's range is replaced by that range's end:
 * inet_sk_get_local_port_range() in net/ipv4/inet_connection_sock.c.
 */
static void note_own_range(
    struct holders *holders, struct port_range range, const struct socket *socket)
{
	const uint16_t first =
	    port_range_has(range, socket->own_first_port) ? socket->own_first_port : range.first;
	const uint16_t last =
	    port_range_has(range, socket->own_last_port) ? socket->own_last_port : range.last;
	const unsigned ports = (unsigned)last - first + 1u;

	holders->own_range_sockets++;
	if (!holders->narrowest_own_range || ports < holders->narrowest_own_range)
		holders->narrowest_own_range = ports;
}

void holders_note_connected(
    struct holders *holders, struct port_range range, const struct socket *socket)
{
	/* It counts only if connect() took the port. */
	if ((socket->own_first_port || socket->own_last_port) &&
	    !portset_has(&holders->connected, socket->local_port))
		note_own_range(holders, range, socket);
	if (socket->is_chosen && portset_has(&holders->listen, socket->local_port))
		holders->dialled[socket->family]++;
}

void facts_finish(struct facts *facts)
{
	memset(&facts->usable, 0, sizeof(facts->usable));
	portset_add_range(&facts->usable, facts->settings.range);
	portset_remove(&facts->usable, &facts->settings.reserved);
	portset_remove(&facts->usable, &facts->holders.listen);
	portset_remove(&facts->usable, &facts->holders.bound);
	portset_remove(&facts->usable, &facts->holders.connected);
	facts->capacity = portset_count(&facts->usable);
}

static unsigned count_once(
    const struct portset *ports, struct port_range range, struct portset *counted)
{
	struct portset mine = *ports;

	portset_remove(&mine, counted);
	portset_unite(counted, &mine);
	return portset_count_range(&mine, range);
}

struct bound_ports facts_count_bound(const struct facts *facts)
{
	const struct port_range range = facts->settings.range;
	struct portset counted = facts->settings.reserved;
	struct bound_ports ports;

	ports.listen = count_once(&facts->holders.listen, range, &counted);
	ports.bound = count_once(&facts->holders.bound, range, &counted);
	ports.connected = count_once(&facts->holders.connected, range, &counted);
	return ports;
}

struct note {
	struct portset *ports; /* NULL: the buckets have them */
	struct holders *holders;
	int (*batch)(void *context);
	void *context;
};

static int note_port(void *context, const struct socket *socket)
{
	const struct note *note = context;

	if (note->ports)
		portset_add(note->ports, socket->local_port);
	if (portset_has(&note->holders->listen, socket->local_port))
		note->holders->dialled[socket->family]++;
	return 0;
}

static int pass_batch(void *context)
{
	const struct note *note = context;

	return note->batch(note->context);
}

static bool is_due(
    const struct chosen_ports *chosen, unsigned long refresh_sockets, unsigned refresh_seconds)
{
	const bool never = chosen->listed.tv_sec == 0 && chosen->listed.tv_nsec == 0;

	return never || chosen->sockets <= refresh_sockets ||
	       clock_seconds_since(&chosen->listed) >= refresh_seconds;
}

/* A bucket does not show which of its sockets called bind(); source does. */
static int list_dialled(
    struct source *source, const struct source_observer *observer, struct note *note)
{
	const struct port_filter filter = {&note->holders->listen, PORT_FILTER_LOCAL};

	if (portset_count(&note->holders->listen) == 0)
		return 0;
	note->ports = NULL;
	return source_list_ports(source, LISTING_TCP_CHOSEN, &filter, observer);
}

static int list(struct chosen_ports *chosen, struct source *source, struct note *note)
{
	int (*const batch)(void *context) = note->batch ? pass_batch : NULL;
	const struct source_observer observer = {note_port, batch, note};

	if (chosen->buckets) {
		const int result =
		    bind_buckets_list(chosen->buckets, chosen->range, batch, note, &chosen->found);

		chosen->sees_buckets = result == 0;
		if (result == 0) {
			portset_unite(note->ports, buckets_bound(&chosen->found));
			return list_dialled(source, &observer, note);
		}
		if (result != -EPERM)
			return result;
		/* Older kernels need a capability for it, which we gave up. */
		chosen->buckets = NULL;
	}
	chosen->sees_buckets = false;
	return source_list(source, LISTING_TCP_CHOSEN, &observer);
}

static void tell_buckets(struct holders *holders, const struct chosen_ports *chosen)
{
	holders->sees_buckets = chosen->sees_buckets;
	if (!chosen->sees_buckets)
		return;
	holders->own_range_sockets = chosen->found.own_range_sockets;
	holders->narrowest_own_range = chosen->found.narrowest_own_range;
}

int holders_list_chosen(struct holders *holders, struct chosen_ports *chosen, struct source *source,
    int (*batch)(void *context), void *context, unsigned long refresh_sockets,
    unsigned refresh_seconds)
{
	struct note note = {&holders->connected, holders, batch, context};

	holders->connected_age_seconds = 0;
	holders->stamps = NULL;
	holders->tells_reuse = false;
	if (!is_due(chosen, refresh_sockets, refresh_seconds)) {
		holders->connected = chosen->tcp;
		memcpy(holders->dialled, chosen->dialled, sizeof(holders->dialled));
		tell_buckets(holders, chosen);
		holders->connected_age_seconds = clock_seconds_since(&chosen->listed);
		return 0;
	}

	const int result = list(chosen, source, &note);

	/* /proc does not show them, so they count as none; ephemera_kernel_feature says so. */
	if (result < 0)
		return result == -EOPNOTSUPP ? 0 : result;
	chosen->tcp = holders->connected;
	memcpy(chosen->dialled, holders->dialled, sizeof(chosen->dialled));
	tell_buckets(holders, chosen);
	if (chosen->sees_buckets && chosen->sockets <= refresh_sockets)
		holders->stamps = &chosen->found;
	holders->tells_reuse = holders->stamps != NULL;
	chosen->listed = clock_now();
	return 0;
}
