/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_AUTH_H
#define EPHEMERA_AUTH_H

/*
 * Checks passwords against the bcrypt hashes of --web.config.file. One check takes a tenth of a
 * second by design, so a thread of its own does it, in an order that is fair to all peers. Results
 * are remembered: not the password, but a keyed digest of user, hash and password. So what was
 * granted stays so when the file is read again, as long as the user's hash is the same. Granted
 * ones have a place for each user: neither guesses nor other users can push them out.
 */

#include <time.h>

#include "exporter/access/digest.h"
#include "exporter/access/password.h"
#include "exporter/access/peer.h"
#include "exporter/access/web_config.h"

enum auth_verdict {
	AUTH_WAITS,   /* not known yet: call auth_submit() */
	AUTH_GRANTED, /* the name and the password are right */
	AUTH_DENIED,
	AUTH_BUSY,    /* too many passwords are being checked: try again later */
	AUTH_UNCLEAR, /* several were given; those who read the request say it, not auth.c */
};

/* The caller of auth_submit() owns it, and must keep it until done was called. */
struct auth_request {
	/* Called once, in the checking thread; not with AUTH_WAITS. May free the request. */
	void (*done)(struct auth_request *request, enum auth_verdict verdict);
	/* The queue uses the rest. */
	struct digest digest;
	struct peer peer;
	char *hash;
	char *password;
	struct password_costs costs;
	struct timespec deadline;
	unsigned long turn; /* auth_turns.h */
	struct auth_request *next;
};

struct auth;

/* Starts the thread. Returns 0 or -errno. */
int auth_new(struct auth **ret_auth);

/* Ends the thread. Requests that wait, and all later ones, get AUTH_BUSY. */
void auth_stop(struct auth *auth);
void auth_free(struct auth *auth); /* also stops it; NULL is fine */

/*
 * Whether the user of that name has that password. After AUTH_WAITS, pass the request to
 * auth_submit(). A wrong password takes as long to check for each name, known or not. AUTH_BUSY:
 * this peer, or all peers together, have as many requests waiting as they may.
 */
enum auth_verdict auth_check(struct auth *auth, const struct web_config *config, const char *name,
    const char *password, const struct peer *peer, struct auth_request *request);

/*
 * Checks the password, and calls done(), maybe before it returns. If there are too many, calls
 * done() of this or of another request with AUTH_BUSY: see auth_queue.h.
 */
void auth_submit(struct auth *auth, struct auth_request *request);

#endif
