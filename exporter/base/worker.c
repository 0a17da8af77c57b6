// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/worker.h"

#include "collectors/kernel/clock.h"

void worker_init(struct worker *worker)
{
	*worker = (struct worker){
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .woken = PTHREAD_COND_INITIALIZER,
	};
}

void worker_release(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker_end(worker);
	pthread_mutex_unlock(&worker->lock);
	worker_join(worker);
	pthread_cond_destroy(&worker->woken);
	pthread_mutex_destroy(&worker->lock);
}

static void *run(void *context)
{
	struct worker *worker = context;

	pthread_mutex_lock(&worker->lock);
	while (!worker->stopping)
		worker->step(worker->context);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

int worker_start(struct worker *worker, void (*step)(void *context), void *context)
{
	worker->step = step;
	worker->context = context;

	const int error = pthread_create(&worker->thread, NULL, run, worker);

	worker->started = error == 0;
	return -error;
}

void worker_end(struct worker *worker)
{
	worker->stopping = true;
	worker_wake(worker);
}

void worker_join(struct worker *worker)
{
	if (worker->started)
		pthread_join(worker->thread, NULL);
	worker->started = false;
}

void worker_wake(struct worker *worker)
{
	pthread_cond_signal(&worker->woken);
}

void worker_wait(struct worker *worker, double seconds)
{
	if (seconds > 0) {
		const struct timespec until = clock_in(seconds);

		pthread_cond_clockwait(&worker->woken, &worker->lock, CLOCK_MONOTONIC, &until);
	} else {
		pthread_cond_wait(&worker->woken, &worker->lock);
	}
}
