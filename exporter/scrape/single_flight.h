/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SINGLE_FLIGHT_H
#define EPHEMERA_SINGLE_FLIGHT_H

/*
 * Requests that share work. A request that the work in progress covers gets its result; all others
 * share the next one. One thread works, so a slow client delays no other. Nor do many requests that
 * wait for the limit delay one that is prompt.
 */

#include <stdbool.h>
#include <time.h>

#include "exporter/base/counters.h"

/* Seconds from a request to its deadline, at most. */
#define SINGLE_FLIGHT_LONGEST_WAIT 60

/* The caller of single_flight_submit() owns it, and must keep it until done was called. */
struct shared_request {
	struct timespec deadline; /* CLOCK_MONOTONIC: when the client stops waiting */
	/*
	 * Rather than wait for the limit, it gets the result of the last work, if that covers it
	 * and no work may begin since.
	 */
	bool prompt;
	/*
	 * Called once, in the working thread: with error 0 and the work's result, which is valid
	 * during the call; or with -ETIMEDOUT, -ESHUTDOWN or the work's -errno, and NULL.
	 */
	void (*done)(struct shared_request *request, int error, const void *result);
	struct shared_request *next; /* the queue uses it */
};

struct shared_work {
	/* Adds request to the next work. Must not block: a lock is held. */
	void (*add)(void *context, const struct shared_request *request);
	/* Whether the work in progress covers request. Must not block either. */
	bool (*covers)(void *context, const struct shared_request *request);
	/*
	 * Does the work for what was added. Calls should_stop(sharing) now and then, and returns
	 * -ECANCELED if it is true. Returns 0 or -errno.
	 */
	int (*run)(void *context, bool (*should_stop)(void *sharing), void *sharing,
	    const void **ret_result);
	/*
	 * Called after all done(): forgets what was added, and frees result, which may be NULL. A
	 * result is kept for as long as the limit allows no other work.
	 */
	void (*finish)(void *context, const void *result);
	void *context;
};

/*
 * How often there may be work. Requests that come faster wait, and share the next work, except
 * those that are prompt.
 */
struct shared_limit {
	double per_second;	   /* 0: as often as there are requests */
	struct refusals *refusals; /* counts work that had to wait; NULL if there is no limit */
};

struct single_flight;

/* Returns 0 or -errno. What work and limit point to must outlive it. */
int single_flight_new(const struct shared_work *work, const struct shared_limit *limit,
    struct single_flight **ret_sharing);

/* Starts the thread that works. Returns 0 or -errno. */
int single_flight_start(struct single_flight *sharing);

void single_flight_submit(struct single_flight *sharing, struct shared_request *request);

/*
 * False if the work has not called should_stop() for `seconds` and every deadline passed as long
 * ago. Also false if it has not called it for SINGLE_FLIGHT_LONGEST_WAIT more seconds, even if new
 * requests keep joining. True if there is no work.
 */
bool single_flight_is_alive(struct single_flight *sharing, double seconds);

/*
 * Ends the thread and cancels its work. Requests that wait, and all later ones, get -ESHUTDOWN.
 */
void single_flight_stop(struct single_flight *sharing);
void single_flight_free(struct single_flight *sharing); /* also stops it; NULL is fine */

#endif
