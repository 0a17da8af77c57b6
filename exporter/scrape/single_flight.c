// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/single_flight.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/token_bucket.h"

struct sharing {
	struct shared_work work;
	struct shared_limit limit;
	struct bucket bucket;
	bool started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	bool working;
	struct timespec sign;		/* when the work in progress last was seen to get on */
	struct timespec due;		/* the latest deadline of those who joined it */
	struct shared_request *joined;	/* share the work in progress */
	struct shared_request *waiting; /* share the next one */
};

int sharing_new(
    const struct shared_work *work, const struct shared_limit *limit, struct sharing **ret_sharing)
{
	struct sharing *sharing = calloc(1, sizeof(*sharing));
	pthread_condattr_t attributes;

	if (!sharing)
		return -ENOMEM;
	sharing->work = *work;
	sharing->limit = *limit;
	pthread_mutex_init(&sharing->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sharing->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_sharing = sharing;
	return 0;
}

/* Takes the requests whose deadline has passed out of the list. */
static struct shared_request *take_late(struct shared_request **list)
{
	struct shared_request *late = NULL;
	const struct timespec now = clock_now();

	while (*list) {
		struct shared_request *request = *list;

		if (!clock_is_past(&request->deadline, &now)) {
			list = &request->next;
			continue;
		}
		*list = request->next;
		request->next = late;
		late = request;
	}
	return late;
}

static void answer(struct shared_request *list, int error, const void *result)
{
	while (list) {
		struct shared_request *next = list->next; /* done() may free the request */

		list->done(list, error, result);
		list = next;
	}
}

/* Work that nobody is waiting for any more is given up. */
static bool nobody_waits(void *context)
{
	struct sharing *sharing = context;

	pthread_mutex_lock(&sharing->lock);

	sharing->sign = clock_now();

	struct shared_request *late = take_late(&sharing->joined);
	struct shared_request *late_for_next = take_late(&sharing->waiting);
	const bool nobody = !sharing->joined || sharing->stopping;

	pthread_mutex_unlock(&sharing->lock);
	answer(late, -ETIMEDOUT, NULL);
	answer(late_for_next, -ETIMEDOUT, NULL);
	return nobody;
}

static void serve(struct sharing *sharing)
{
	const struct shared_work *work = &sharing->work;
	const void *result = NULL;
	const int error = work->run(work->context, nobody_waits, sharing, &result);

	pthread_mutex_lock(&sharing->lock);

	struct shared_request *joined = sharing->joined;

	/* From here on nobody joins. */
	sharing->joined = NULL;
	sharing->sign = clock_now();
	pthread_mutex_unlock(&sharing->lock);
	answer(joined, error == -ECANCELED ? -ESHUTDOWN : error, error < 0 ? NULL : result);
	work->finish(work->context, result);
}

/* Until the limit lets there be work again. The lock is held, but for the wait. */
static void await_turn(struct sharing *sharing)
{
	const double per_second = sharing->limit.per_second;
	bool counted = false;
	double seconds;

	while (per_second > 0 && !sharing->stopping &&
	       (seconds = bucket_take(&sharing->bucket, per_second, 1 / per_second)) > 0) {
		const struct timespec until = clock_in(seconds);

		if (!counted)
			refusals_count(sharing->limit.refusals, REFUSAL_WALKS);
		counted = true;
		pthread_cond_timedwait(&sharing->wake, &sharing->lock, &until);
	}
}

static void postpone(struct sharing *sharing, const struct timespec *deadline)
{
	if (clock_is_past(&sharing->due, deadline))
		sharing->due = *deadline;
}

static void *work(void *context)
{
	struct sharing *sharing = context;

	pthread_mutex_lock(&sharing->lock);
	while (!sharing->stopping) {
		if (!sharing->waiting) {
			pthread_cond_wait(&sharing->wake, &sharing->lock);
			continue;
		}
		await_turn(sharing);
		if (sharing->stopping)
			break;
		sharing->joined = sharing->waiting;
		sharing->waiting = NULL;
		sharing->working = true;
		sharing->sign = clock_now();
		sharing->due = sharing->joined->deadline;
		for (struct shared_request *i = sharing->joined; i; i = i->next) {
			sharing->work.add(sharing->work.context, i);
			postpone(sharing, &i->deadline);
		}
		pthread_mutex_unlock(&sharing->lock);
		serve(sharing);
		pthread_mutex_lock(&sharing->lock);
		sharing->working = false;
	}
	pthread_mutex_unlock(&sharing->lock);
	return NULL;
}

int sharing_start(struct sharing *sharing)
{
	const int error = pthread_create(&sharing->thread, NULL, work, sharing);

	sharing->started = error == 0;
	return -error;
}

void sharing_submit(struct sharing *sharing, struct shared_request *request)
{
	pthread_mutex_lock(&sharing->lock);

	const bool covered =
	    sharing->joined && sharing->work.covers(sharing->work.context, request);
	struct shared_request **list = covered ? &sharing->joined : &sharing->waiting;
	const bool stopping = sharing->stopping;

	if (!stopping) {
		request->next = *list;
		*list = request;
		if (covered)
			postpone(sharing, &request->deadline);
	}
	pthread_cond_signal(&sharing->wake);
	pthread_mutex_unlock(&sharing->lock);
	if (stopping)
		request->done(request, -ESHUTDOWN, NULL);
}

bool sharing_is_alive(struct sharing *sharing, double seconds)
{
	pthread_mutex_lock(&sharing->lock);

	const double silent = clock_seconds_since(&sharing->sign);
	const double overdue = clock_seconds_since(&sharing->due);
	const bool alive = !sharing->working || silent <= seconds ||
			   (overdue <= seconds && silent <= seconds + SHARING_LONGEST_WAIT);

	pthread_mutex_unlock(&sharing->lock);
	return alive;
}

void sharing_stop(struct sharing *sharing)
{
	pthread_mutex_lock(&sharing->lock);

	struct shared_request *waiting = sharing->waiting;

	sharing->waiting = NULL;
	sharing->stopping = true;
	pthread_cond_signal(&sharing->wake);
	pthread_mutex_unlock(&sharing->lock);
	answer(waiting, -ESHUTDOWN, NULL);
	if (sharing->started)
		pthread_join(sharing->thread, NULL);
	sharing->started = false;
}

void sharing_free(struct sharing *sharing)
{
	if (!sharing)
		return;
	sharing_stop(sharing);
	pthread_cond_destroy(&sharing->wake);
	pthread_mutex_destroy(&sharing->lock);
	free(sharing);
}
