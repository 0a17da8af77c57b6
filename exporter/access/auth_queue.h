/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_AUTH_QUEUE_H
#define EPHEMERA_AUTH_QUEUE_H

/* Requests that wait for their password to be checked, in fair order. Not for several threads. */

#include <stdbool.h>

#include "exporter/access/auth.h"
#include "exporter/access/auth_turns.h"

#define AUTH_WAITING_MAX 32
#define AUTH_WAITING_OF_A_PEER_MAX 4

struct auth_queue {
	struct auth_request *first; /* the one that came first */
	struct auth_request **last;
	size_t length;
	struct auth_turns *turns;
};

/* Returns 0 or -ENOMEM. */
int auth_queue_init(struct auth_queue *queue);
void auth_queue_release(struct auth_queue *queue); /* it must be empty */

/* Whether auth_queue_add() would take a request of that peer. */
bool auth_queue_has_place(const struct auth_queue *queue, const struct peer *peer);

/*
 * Adds the request. If the queue is full, the newcomer takes a place from the peer that has most,
 * or, if it has none itself, from the request whose turn is last and after its own. Returns what
 * has no place: NULL; a request that was waiting, which is out of the queue; or the newcomer.
 */
struct auth_request *auth_queue_add(struct auth_queue *queue, struct auth_request *request);

/* Takes out the request whose turn is next; NULL: there is none. */
struct auth_request *auth_queue_take(struct auth_queue *queue);

/* Takes out a list, linked by next, of the requests whose digest is that one. */
struct auth_request *auth_queue_take_same(struct auth_queue *queue, const struct digest *digest);

/* The same of those whose deadline has passed, and of all. */
struct auth_request *auth_queue_take_late(struct auth_queue *queue);
struct auth_request *auth_queue_take_all(struct auth_queue *queue);

/* Notes how the check of a request that was taken out ended: its peer's next turn depends on it. */
void auth_queue_note(struct auth_queue *queue, const struct auth_request *request, bool granted);

#endif
