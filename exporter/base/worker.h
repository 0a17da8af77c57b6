/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WORKER_H
#define EPHEMERA_WORKER_H

/* A thread that repeats one step, and the lock for what it shares with other threads. */

#include <pthread.h>
#include <stdbool.h>

/* Embed it. Other threads take the lock, and read `stopping` only with the lock held. */
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

/* Also ends the thread and waits for it. */
void worker_release(struct worker *worker);

/*
 * Starts the thread, which calls step(context) again and again until worker_end(). step runs with
 * the lock held, and may release it for a while. Returns 0 or -errno.
 */
int worker_start(struct worker *worker, void (*step)(void *context), void *context);

/* Call it with the lock held: no further step begins, and worker_wait() returns. */
void worker_end(struct worker *worker);

/* Call it after worker_end(), without the lock: waits for the step in progress. */
void worker_join(struct worker *worker);

/* Makes worker_wait() return. */
void worker_wake(struct worker *worker);

/*
 * Call it in the step, with the lock held; releases the lock while it waits. Returns once the
 * worker is woken or ended, or after `seconds` (0: no limit). May return earlier.
 */
void worker_wait(struct worker *worker, double seconds);

#endif
