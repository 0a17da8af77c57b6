/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CLIENTS_H
#define EPHEMERA_CLIENTS_H

/*
 * The connections of clients, and how long each may take. libmicrohttpd's own time-out
 * starts anew with every byte, so that a byte now and then holds a connection for ever;
 * here each phase of a connection has an end, whatever trickles in.
 */

#include <stdbool.h>

#include "exporter/access/peer.h"
#include "exporter/base/counters.h"

enum client_phase {
	CLIENT_REQUEST,	 /* connected, and its request is not complete yet */
	CLIENT_PASSWORD, /* its password is being checked */
	CLIENT_WORK,	 /* a scrape or a lookup is made for it */
	CLIENT_RESPONSE, /* the response is being taken */
	CLIENT_IDLE,	 /* kept open for a next request */
};

struct clients_limits {
	unsigned connections;	   /* at most; the next one drives out another, see clients_add() */
	unsigned per_peer;	   /* likewise */
	unsigned works;		   /* in CLIENT_WORK at the same time */
	unsigned works_per_peer;   /* likewise */
	unsigned request_seconds;  /* to send a request */
	unsigned response_seconds; /* to take a response */
	unsigned idle_seconds;	   /* without a request on a connection that had one */
};

struct clients;
struct client;

/*
 * Starts the thread that keeps watch. What is cut off is counted in refusals, which must outlive
 * it. Returns 0 or -errno.
 */
int clients_new(
    const struct clients_limits *limits, struct refusals *refusals, struct clients **ret_clients);

/* Ends the thread. No client may be left. */
void clients_free(struct clients *clients);

/*
 * Takes note of an accepted connection, and where there are as many as allowed, of its peer or
 * of all, shuts down the one of these that has been silent longest, or if none is, the one that
 * has been taking its response longest; or, where the peer's all wait for us, the new one. fd stays
 * the caller's, and must stay open until clients_remove(). Returns NULL where memory is out.
 */
struct client *clients_add(struct clients *clients, int fd);
const struct peer *client_peer(const struct client *client);
void clients_remove(struct clients *clients, struct client *client);

/* Starts the phase, and its time; CLIENT_WORK has a function of its own. client may be NULL. */
void clients_set_phase(struct clients *clients, struct client *client, enum client_phase phase);

/*
 * Starts CLIENT_WORK. Returns REFUSALS, or what forbids it, and then counts that and does nothing
 * else: REFUSAL_REQUESTS where as many work as allowed, and REFUSAL_REQUESTS_PER_ADDRESS where as
 * many of the client's peer do.
 */
enum refusal clients_start_work(struct clients *clients, struct client *client);

/*
 * Waits until no client is owed anything, seconds at the most: who began a request, or connected,
 * within the last second is owed an answer. Returns whether that is so.
 */
bool clients_drain(struct clients *clients, unsigned seconds);

#endif
