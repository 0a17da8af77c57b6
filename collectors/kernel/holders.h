/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HOLDERS_H
#define EPHEMERA_HOLDERS_H

/*
 * The ports that bind() holds. A TCP port that bind() holds, on any address of any family, is lost
 * to every connect() of the namespace (docs/semantics.md, "Capacity").
 */

#include <stdbool.h>
#include <time.h>

#include "collectors/kernel/bind_buckets.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/source.h"

struct holders {
	struct portset listen;	      /* TCP: with a listener */
	struct portset bound;	      /* TCP: bound, but neither listening nor connected */
	struct portset connected;     /* TCP: bound, at least by number, then connected */
	double connected_age_seconds; /* age of `connected`; 0: from this scrape */
	/*
	 * Connections that were opened from a listener's port: bind() got the port by number, which
	 * an accepted connection never has (sk_clone_lock() drops SOCK_BINDPORT_LOCK). As old as
	 * `connected`. Unknown for TIME_WAIT.
	 */
	unsigned long dialled[SOCKET_FAMILIES];
	/* `connected` is the kernel's own mark, so it also has sockets bound to port 0. */
	bool sees_buckets;
	/* What the buckets show of the TIME_WAIT of this scrape (stamps.h), or NULL. */
	const struct buckets_found *stamps;
	bool tells_reuse; /* which TIME_WAIT connect() may take over: by stamps, or each socket */
	/*
	 * Sockets whose port came from a range of their own, and the ports of the smallest of these
	 * ranges; 0: none. Known if sees_buckets: together with `connected`, or, of a walk, once
	 * all connections were noted.
	 */
	unsigned own_range_sockets;
	unsigned narrowest_own_range;
};

/*
 * The settings of the namespace and the ports that bind() holds: complete before the first
 * connected socket is observed. The kernel's dump has bound-only sockets before connected ones
 * (inet_diag_dump_icsk() reads the bind table first).
 */
struct facts {
	struct settings settings;
	struct holders holders;
	struct portset usable; /* in the range, not reserved, not held */
	unsigned capacity;     /* size of usable: the ports that one destination can take */
};

/* Adds a socket that is LISTEN or bound-only. */
void holders_note_bind(struct holders *holders, const struct socket *socket);

/* Of a source that walks: the ports that bind() holds, from this scrape. */
void holders_take_held(struct holders *holders, const struct portset *held);

/* Of a source that walks: notes a connection. range: ip_local_port_range. */
void holders_note_connected(
    struct holders *holders, struct port_range range, const struct socket *socket);

/* Computes usable and capacity from settings and holders. */
void facts_finish(struct facts *facts);

/* Ports of the range, without reserved ones; each counts once, as the first that it is. */
struct bound_ports {
	unsigned listen;
	unsigned bound;
	unsigned connected;
};

struct bound_ports facts_count_bound(const struct facts *facts);

/*
 * Whether the socket has leased a port from the capacity of its destination.
 *
 * A port that bind() holds is not part of the capacity: neither the port of a listener, which its
 * inbound connections also have, nor that of a socket that was bound and then connected. A port
 * that is outside the range or reserved never was.
 */
static inline bool facts_is_leased(const struct facts *facts, const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP && socket->state != SOCKET_LISTEN &&
	       socket->state != SOCKET_BOUND && socket->state != SOCKET_CLOSE &&
	       portset_has(&facts->usable, socket->local_port);
}

/*
 * Finding the ports that were bound by number and then connected needs a second walk of the table.
 * Up to refresh_sockets sockets, every scrape makes it; above that, it is made when the last one is
 * older than refresh_seconds.
 */
struct chosen_ports {
	struct bind_buckets *buckets; /* NULL: the source lists those bound by number */
	struct portset tcp;
	unsigned long dialled[SOCKET_FAMILIES]; /* as in struct holders */
	bool sees_buckets;			/* tcp is from the buckets */
	struct buckets_found found;
	struct port_range range; /* ip_local_port_range, for the buckets */
	struct timespec listed;	 /* CLOCK_MONOTONIC; zero: never */
	unsigned long sockets;	 /* TCP sockets that the last whole walk saw */
};

/*
 * Fills holders' connected set from the buckets, from source, or from what chosen remembers; and
 * its dialled connections from source, for the listeners that were added before. The buckets also
 * have sockets bound to port 0; if they can no longer be read, they are given up. Above
 * refresh_sockets, holders' stamps stay NULL: otherwise one scrape would have them and the next
 * not. batch: see struct source_observer. Returns 0 or -errno, see source_list().
 */
int holders_list_chosen(struct holders *holders, struct chosen_ports *chosen, struct source *source,
    int (*batch)(void *context), void *context, unsigned long refresh_sockets,
    unsigned refresh_seconds);

#endif
