/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HOLDERS_H
#define EPHEMERA_HOLDERS_H

/*
 * Who holds ports by bind(). A TCP port with a bind() owner, on whatever address of
 * whatever family, is lost to every connect() of the namespace (docs/semantics.md, "Capacity").
 */

#include <stdbool.h>
#include <time.h>

#include "collectors/kernel/bind_buckets.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/source.h"

struct holders {
	struct portset listen;	      /* TCP: somebody listens on the port */
	struct portset bound;	      /* TCP: bound, but neither listening nor connected */
	struct portset connected;     /* TCP: bound, by number at least, then connected */
	double connected_age_seconds; /* how old the third set is; 0: of this scrape */
	/*
	 * Connections that were opened from a listener's port: bind() was given it by number,
	 * which accept() never does (sk_clone_lock() drops SOCK_BINDPORT_LOCK). As old as the
	 * third set. TIME_WAIT forgets it.
	 */
	unsigned long dialled[SOCKET_FAMILIES];
	/* The third set is the kernel's own mark: whoever was bound to port 0 is in it, too. */
	bool sees_buckets;
	/* NULL, or what the buckets tell of the TIME_WAIT of this scrape: stamps.h. */
	const struct buckets_found *stamps;
	/* What the buckets told together with the third set, else 0: see struct buckets_found. */
	unsigned own_range_sockets;
	unsigned narrowest_own_range;
};

/*
 * What the namespace is set to and who holds its ports: complete before the first
 * connected socket is observed. The kernel's dump has bound-only sockets before connected
 * ones (inet_diag_dump_icsk() goes through the bind table first).
 */
struct facts {
	struct settings settings;
	struct holders holders;
	struct portset usable; /* in the range, not reserved, not held */
	unsigned capacity;     /* size of usable: the ports that one destination can take */
};

/* Notes a socket that is LISTEN or bound-only. */
void holders_note_bind(struct holders *holders, const struct socket *socket);

/* Works out usable and capacity from settings and holders. */
void facts_finish(struct facts *facts);

/* Ports of the range, reserved ones aside, each counted once: as the first that it is. */
struct bound_ports {
	unsigned listen;
	unsigned bound;
	unsigned connected;
};

struct bound_ports facts_count_bound(const struct facts *facts);

/*
 * Whether the socket has leased a port from the capacity of its destination.
 *
 * A port that a bind() holds is off the capacity already, be it the listener's of an
 * inbound connection, which has that very port, or that of a socket which was bound to it and
 * then connected. One outside the range or reserved never was part of the capacity.
 */
static inline bool facts_is_leased(const struct facts *facts, const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP && socket->state != SOCKET_LISTEN &&
	       socket->state != SOCKET_BOUND && socket->state != SOCKET_CLOSE &&
	       portset_has(&facts->usable, socket->local_port);
}

/*
 * Finding the ports that were bound by number and then connected takes a second walk of
 * the table. Up to refresh_sockets sockets it is made for every scrape; above that, when
 * the last one is older than refresh_seconds.
 */
struct chosen_ports {
	struct bind_buckets *buckets; /* NULL: the source tells which were bound by number */
	struct portset tcp;
	unsigned long dialled[SOCKET_FAMILIES]; /* as in struct holders */
	bool sees_buckets;			/* that set is theirs */
	struct buckets_found found;
	struct port_range range; /* ip_local_port_range, for the buckets */
	struct timespec listed;	 /* CLOCK_MONOTONIC; zero: never */
	unsigned long sockets;	 /* TCP sockets that the last whole walk saw */
};

/*
 * Fills holders' connected set from the buckets, from source, or from what chosen remembers; and
 * its dialled connections from source, for the listeners that are noted already.
 * The buckets know, too, who was bound to port 0; where they cannot be read any more they are
 * given up. Above refresh_sockets nothing is told of TIME_WAIT, or it would be known at one scrape
 * and not at the next. batch is as in struct source_observer. Returns 0 or -errno as source_list().
 */
int holders_list_chosen(struct holders *holders, struct chosen_ports *chosen, struct source *source,
    int (*batch)(void *context), void *context, unsigned long refresh_sockets,
    unsigned refresh_seconds);

#endif
