/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SINGLE_FLIGHT_H
#define EPHEMERA_SINGLE_FLIGHT_H

/*
 * Requests that share work: whoever asks while work is in progress that covers what they
 * want gets its result; all others share the next one. One thread works, so a slow client
 * costs nobody else anything.
 */

#include <stdbool.h>
#include <time.h>

#include "exporter/base/counters.h"

/* Seconds from a request to its deadline, at the most. */
#define SHARING_LONGEST_WAIT 60

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

/* How often there may be work; what comes faster waits, and shares the next one. */
struct shared_limit {
	double per_second;	   /* 0: as often as there are requests */
	struct refusals *refusals; /* counts work that had to wait; NULL where there is no limit */
};

struct sharing;

/* Returns 0 or -errno. What work and limit point to must outlive it. */
int sharing_new(
    const struct shared_work *work, const struct shared_limit *limit, struct sharing **ret_sharing);

/* Starts the thread that works. Returns 0 or -errno. */
int sharing_start(struct sharing *sharing);

void sharing_submit(struct sharing *sharing, struct shared_request *request);

/*
 * Whether the thread is at no work, or at work that gets on: work that has not asked for longer
 * than that whether it should stop, though the deadline of everybody who shares it passed as
 * long ago, hangs. So does work that has not asked for SHARING_LONGEST_WAIT seconds more than
 * that, however many still come and join it.
 */
bool sharing_is_alive(struct sharing *sharing, double seconds);

/*
 * Ends the thread and gives up the work it is at; whoever waits gets -ESHUTDOWN, and so does
 * whoever submits from then on.
 */
void sharing_stop(struct sharing *sharing);
void sharing_free(struct sharing *sharing); /* stops it, too; NULL is fine */

#endif
