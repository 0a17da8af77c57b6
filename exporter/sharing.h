/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SHARING_H
#define EPHEMERA_SHARING_H

/*
 * Requests that share work: whoever asks while work is in progress that covers what they
 * want gets its result; all others share the next one. One thread works, so a slow client
 * costs nobody else anything.
 */

#include <stdbool.h>
#include <time.h>

/* Owned by who submits it, until done was called. */
struct shared_request {
	struct timespec deadline; /* CLOCK_MONOTONIC: when an answer is of no use any more */
	/*
	 * Called once, in the working thread: error 0 and the work's result, which lives as
	 * long as the call; or -ETIMEDOUT, -ESHUTDOWN or what the work returned, and NULL.
	 */
	void (*done)(struct shared_request *request, int error, const void *result);
	struct shared_request *next; /* the queue's */
};

struct shared_work {
	/* Notes that request will share the next work. Must not wait: a lock is held. */
	void (*add)(void *context, const struct shared_request *request);
	/* Whether the work in progress covers request. As above. */
	bool (*covers)(void *context, const struct shared_request *request);
	/*
	 * Does the work for what was added. should_stop(sharing) is to be asked now and then: where
	 * it says so, -ECANCELED is returned. Returns 0 or -errno.
	 */
	int (*run)(void *context, bool (*should_stop)(void *sharing), void *sharing,
	    const void **ret_result);
	/* The work is done and told: forgets what was added, and the result, which may be NULL. */
	void (*finish)(void *context, const void *result);
	void *context;
};

struct sharing;

/* Returns 0 or -errno. What work points to must outlive it. */
int sharing_new(const struct shared_work *work, struct sharing **ret_sharing);

/* Starts the thread that works. Returns 0 or -errno. */
int sharing_start(struct sharing *sharing);

void sharing_submit(struct sharing *sharing, struct shared_request *request);

/*
 * Ends the thread and gives up the work it is at; whoever waits gets -ESHUTDOWN, and so does
 * whoever submits from then on.
 */
void sharing_stop(struct sharing *sharing);
void sharing_free(struct sharing *sharing); /* stops it, too; NULL is fine */

#endif
