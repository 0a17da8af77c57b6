/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_AUTH_H
#define EPHEMERA_AUTH_H

/*
 * Passwords against the bcrypt hashes of --web.config.file. A hash takes a tenth of a second
 * by design, so a thread of its own does them, and what was found is remembered: not the
 * password, but a keyed digest of user, hash and password. What was right and what was wrong
 * are remembered apart, so that guesses cannot drive out who is let in.
 */

#include <time.h>

#include "exporter/access/digest.h"
#include "exporter/access/peer.h"
#include "exporter/access/web_config.h"

enum auth_verdict {
	AUTH_WAITS,   /* it is not known yet; to be found out by auth_submit() */
	AUTH_GRANTED, /* the name and the password are right */
	AUTH_DENIED,
	AUTH_BUSY, /* too many passwords are being checked; to be tried again */
};

/* Owned by who submits it, until done was called. */
struct auth_request {
	/* Called once, in the checking thread; not with AUTH_WAITS. May free the request. */
	void (*done)(struct auth_request *request, enum auth_verdict verdict);
	/* The rest is the queue's. */
	struct digest digest;
	struct peer peer;
	char *hash;
	char *password;
	struct timespec deadline;
	struct auth_request *next;
};

struct auth;

/* Starts the thread. Returns 0 or -errno. */
int auth_new(struct auth **ret_auth);

/* Ends the thread; whoever waits, or comes from then on, is told AUTH_BUSY. */
void auth_stop(struct auth *auth);
void auth_free(struct auth *auth); /* stops it, too; NULL is fine */

/*
 * Whether the user of that name has that password. After AUTH_WAITS the request is to be handed
 * to auth_submit(). A name that nobody has takes as long as one that somebody has. One peer has at
 * most a few requests waiting, and all together do not have many: AUTH_BUSY.
 */
enum auth_verdict auth_check(struct auth *auth, const struct web_config *config, const char *name,
    const char *password, const struct peer *peer, struct auth_request *request);

/* Finds it out, and calls done(), maybe before it returns. */
void auth_submit(struct auth *auth, struct auth_request *request);

#endif
