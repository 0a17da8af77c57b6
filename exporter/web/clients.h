/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CLIENTS_H
#define EPHEMERA_CLIENTS_H

/*
 * The connections of clients, and how long each may take. libmicrohttpd's own timeout restarts
 * with every byte, so a byte now and then would keep a connection for ever. Here each phase of a
 * connection ends in time.
 */

#include <stdbool.h>

#include "exporter/access/peer.h"
#include "exporter/base/counters.h"

enum client_phase {
	CLIENT_REQUEST,	 /* connected; its request is not complete yet */
	CLIENT_PASSWORD, /* its password is being checked */
	CLIENT_WORK,	 /* it waits for a scrape or a lookup */
	CLIENT_WATCH,	 /* it waits until something happens, which may be long */
	CLIENT_RESPONSE, /* it reads the response */
	CLIENT_IDLE,	 /* kept open for the next request */
};

struct clients_limits {
	unsigned connections; /* at most; the next one closes another, see clients_add() */
	unsigned per_peer;    /* the same for one peer */
	/* In CLIENT_WORK, besides each peer's share. As many again may be in CLIENT_WATCH. */
	unsigned works;
	unsigned works_per_peer;   /* the same for one peer */
	unsigned request_seconds;  /* to send a request */
	unsigned response_seconds; /* to read a response */
	unsigned idle_seconds;	   /* between two requests */
};

struct clients;
struct client;

/*
 * Starts the thread that watches the connections. Counts closed ones in refusals, which must
 * outlive the result. Returns 0 or -errno.
 */
int clients_new(
    const struct clients_limits *limits, struct refusals *refusals, struct clients **ret_clients);

/* Ends the thread. No client may be left. */
void clients_free(struct clients *clients);

/*
 * Adds an accepted connection. At the limit of its peer, shuts down the peer's idlest connection,
 * then the slowest reader; if all wait for us, the new one. At the limit of all, does so with the
 * peer that has most connections, and also with one that waits for us, if its peer still has more
 * than the new one's. A peer's first connection is never shut down for that. The caller keeps fd,
 * and keeps it open until clients_remove(). Returns NULL if memory ran out.
 */
struct client *clients_add(struct clients *clients, int fd);
const struct peer *client_peer(const struct client *client);
void clients_remove(struct clients *clients, struct client *client);

/*
 * Starts the phase and its time. Use clients_start_work() for CLIENT_WORK, and
 * clients_start_watch() for CLIENT_WATCH. client may be NULL.
 */
void clients_set_phase(struct clients *clients, struct client *client, enum client_phase phase);

/*
 * Starts CLIENT_WORK and returns REFUSALS. At a limit only counts the refusal and returns it:
 * REFUSAL_REQUESTS if as many clients work as allowed, and of this peer its share: that number
 * divided by the peers whose clients work, at least one. REFUSAL_REQUESTS_PER_ADDRESS if as many of
 * this peer work as one may have.
 */
enum refusal clients_start_work(struct clients *clients, struct client *client);

/* The same for CLIENT_WATCH, whose places are counted by themselves: they are never those of work.
 */
enum refusal clients_start_watch(struct clients *clients, struct client *client);

/*
 * Whether nobody is at the other end of the connection any more, or nobody sends: then no more
 * requests come. Any thread may ask until clients_remove(). Does not block.
 */
bool client_is_gone(const struct client *client);

/*
 * Whether the client's work may go before that of others, which counts: its peer has not asked that
 * in the last half second. False if too many peers ask.
 */
bool clients_is_prompt(struct clients *clients, const struct client *client);

/*
 * Waits until every client has its answer, at most `seconds`. A client that connected, or began a
 * request, within the last second is waited for too. Returns whether all have it.
 */
bool clients_drain(struct clients *clients, unsigned seconds);

#endif
