/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CLIENT_LIST_H
#define EPHEMERA_CLIENT_LIST_H

/*
 * The list of clients that clients.c keeps, and client_places.c shares out. Use it with the
 * worker's lock held.
 */

#include <time.h>

#include "exporter/access/peer_buckets.h"
#include "exporter/base/worker.h"
#include "exporter/web/clients.h"

/* What there are places for. */
enum client_place { PLACE_WORK, PLACE_WATCH, CLIENT_PLACES };

/* The places that a client in that phase has one of; CLIENT_PLACES: none. */
static inline enum client_place client_place(enum client_phase phase)
{
	switch (phase) {
	case CLIENT_WORK:
		return PLACE_WORK;
	case CLIENT_WATCH:
		return PLACE_WATCH;
	default:
		return CLIENT_PLACES;
	}
}

/* A peer that has clients. */
struct address {
	struct peer peer;
	unsigned clients;
	unsigned open;		       /* of them, those that are not shut down */
	unsigned taken[CLIENT_PLACES]; /* by them */
	struct address *next;
};

struct client {
	int fd;
	struct address *address;
	enum client_phase phase;
	bool shut_down;
	struct timespec since;
	struct client *next;
	struct client **link; /* what points to this one */
};

struct clients {
	struct clients_limits limits;
	struct refusals *refusals;
	struct worker worker;	/* shuts down clients that take too long */
	pthread_cond_t settled; /* for clients_drain(): a client got its answer */
	bool sleeps;		/* the worker, while there are no clients */
	unsigned length;
	unsigned taken[CLIENT_PLACES];
	struct client *first;
	struct address *addresses;
	struct peer_buckets prompt; /* for clients_is_prompt() */
};

/*
 * The HTTP server then reads an end of file and closes the connection as usual. Each call wakes it,
 * even if the connection is shut down already.
 */
void client_shut_down(struct client *client);

void client_start_phase(struct clients *clients, struct client *client, enum client_phase phase);

/* At a limit, shuts down a client, perhaps the newcomer, which is in the list already. */
void clients_make_room(struct clients *clients, struct client *newcomer);

#endif
