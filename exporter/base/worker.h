/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WORKER_H
#define EPHEMERA_WORKER_H

/* A thread that does the same step over and over, and the lock for what it shares with others. */

#include <pthread.h>
#include <stdbool.h>

/* To be embedded. Others take the lock, and with it held read whether it is stopping. */
struct worker {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	pthread_t thread;
	bool started;
	bool stopping;
	void (*step)(void *context);
	void *context;
};

void worker_init(struct worker *worker);

/* Ends it and waits for it, too. */
void worker_release(struct worker *worker);

/*
 * Starts the thread, which calls step(context) until it is ended: with the lock held, which step
 * may give up for a while. Returns 0 or -errno.
 */
int worker_start(struct worker *worker, void (*step)(void *context), void *context);

/* With the lock held: no further step begins, and the worker's waiting ends. */
void worker_end(struct worker *worker);

/* After worker_end(), without the lock: waits for the step in progress. */
void worker_join(struct worker *worker);

/* Ends the worker's waiting. */
void worker_wake(struct worker *worker);

/*
 * In the step, with the lock held, which is given up meanwhile: waits until the worker is woken or
 * ended, at most so many seconds (0: as long as it takes). May end earlier.
 */
void worker_wait(struct worker *worker, double seconds);

#endif
