// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/single_flight.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/token_bucket.h"
#include "exporter/base/worker.h"

struct single_flight {
	struct shared_work work;
	struct shared_limit limit;
	struct token_bucket bucket;
	struct worker worker;
	bool working;
	struct timespec sign;		/* the last sign of life of the work in progress */
	struct timespec due;		/* the latest deadline of the requests that joined it */
	struct shared_request *joined;	/* share the work in progress */
	struct shared_request *waiting; /* share the next one */
	const void *kept; /* the result of the last work, until there may be another; or NULL */
	bool late;	  /* the next work had to wait, and was counted */
};

int single_flight_new(const struct shared_work *work, const struct shared_limit *limit,
    struct single_flight **ret_sharing)
{
	struct single_flight *sharing = calloc(1, sizeof(*sharing));

	if (!sharing)
		return -ENOMEM;
	sharing->work = *work;
	sharing->limit = *limit;
	worker_init(&sharing->worker);
	*ret_sharing = sharing;
	return 0;
}

/* Removes the requests whose deadline has passed from the list, and returns them. */
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

/* Work that no request waits for is cancelled. */
static bool nobody_waits(void *context)
{
	struct single_flight *sharing = context;

	pthread_mutex_lock(&sharing->worker.lock);

	sharing->sign = clock_now();

	struct shared_request *late = take_late(&sharing->joined);
	struct shared_request *late_for_next = take_late(&sharing->waiting);
	const bool nobody = !sharing->joined || sharing->worker.stopping;

	pthread_mutex_unlock(&sharing->worker.lock);
	answer(late, -ETIMEDOUT, NULL);
	answer(late_for_next, -ETIMEDOUT, NULL);
	return nobody;
}

static void serve(struct single_flight *sharing)
{
	const struct shared_work *work = &sharing->work;
	const void *result = NULL;
	const int error = work->run(work->context, nobody_waits, sharing, &result);

	pthread_mutex_lock(&sharing->worker.lock);

	struct shared_request *joined = sharing->joined;

	/* From here on no request can join. */
	sharing->joined = NULL;
	sharing->sign = clock_now();
	pthread_mutex_unlock(&sharing->worker.lock);
	answer(joined, error == -ECANCELED ? -ESHUTDOWN : error, error < 0 ? NULL : result);
	if (error < 0)
		work->finish(work->context, result);
	else
		sharing->kept = result;
}

/* The seconds until the limit allows work. */
static double seconds_to_turn(const struct single_flight *sharing)
{
	const double per_second = sharing->limit.per_second;

	return per_second > 0 ? token_bucket_wait(&sharing->bucket, per_second, 1 / per_second) : 0;
}

static void forget_kept(struct single_flight *sharing)
{
	const void *kept = sharing->kept;

	if (!kept)
		return;
	sharing->kept = NULL;
	pthread_mutex_unlock(&sharing->worker.lock);
	sharing->work.finish(sharing->work.context, kept);
	pthread_mutex_lock(&sharing->worker.lock);
}

/* Removes those that may have the result that was kept from the waiting ones, and returns them. */
static struct shared_request *take_prompt(struct single_flight *sharing)
{
	struct shared_request **list = &sharing->waiting;
	struct shared_request *prompt = NULL;

	while (*list) {
		struct shared_request *request = *list;

		if (!request->prompt || !sharing->work.covers(sharing->work.context, request)) {
			list = &request->next;
			continue;
		}
		*list = request->next;
		request->next = prompt;
		prompt = request;
	}
	return prompt;
}

/* Waits until the limit allows work, or something changes. Tells the prompt ones meanwhile. */
static void await_turn(struct single_flight *sharing, double seconds)
{
	struct shared_request *prompt = sharing->kept ? take_prompt(sharing) : NULL;

	if (prompt) {
		pthread_mutex_unlock(&sharing->worker.lock);
		answer(prompt, 0, sharing->kept);
		pthread_mutex_lock(&sharing->worker.lock);
		return;
	}
	if (sharing->waiting && !sharing->late) {
		refusals_add(sharing->limit.refusals, REFUSAL_WALKS);
		sharing->late = true;
	}
	worker_wait(&sharing->worker, seconds);
}

static void postpone(struct single_flight *sharing, const struct timespec *deadline)
{
	if (clock_is_past(&sharing->due, deadline))
		sharing->due = *deadline;
}

static void join_all(struct single_flight *sharing)
{
	sharing->joined = sharing->waiting;
	sharing->waiting = NULL;
	sharing->working = true;
	sharing->late = false;
	sharing->sign = clock_now();
	sharing->due = sharing->joined->deadline;
	for (struct shared_request *i = sharing->joined; i; i = i->next) {
		sharing->work.add(sharing->work.context, i);
		postpone(sharing, &i->deadline);
	}
}

/* The worker's step. */
static void work(void *context)
{
	struct single_flight *sharing = context;
	const double per_second = sharing->limit.per_second;
	const double seconds = seconds_to_turn(sharing);

	if (seconds > 0 && (sharing->waiting || sharing->kept)) {
		await_turn(sharing, seconds);
		return;
	}
	forget_kept(sharing);
	/* The lock was released, so look before waiting. */
	if (sharing->worker.stopping)
		return;
	if (!sharing->waiting) {
		worker_wait(&sharing->worker, 0);
		return;
	}
	if (per_second > 0)
		token_bucket_take(&sharing->bucket, per_second, 1 / per_second);
	join_all(sharing);
	pthread_mutex_unlock(&sharing->worker.lock);
	serve(sharing);
	pthread_mutex_lock(&sharing->worker.lock);
	sharing->working = false;
}

int single_flight_start(struct single_flight *sharing)
{
	return worker_start(&sharing->worker, work, sharing);
}

void single_flight_submit(struct single_flight *sharing, struct shared_request *request)
{
	pthread_mutex_lock(&sharing->worker.lock);

	const bool covered =
	    sharing->joined && sharing->work.covers(sharing->work.context, request);
	struct shared_request **list = covered ? &sharing->joined : &sharing->waiting;
	const bool stopping = sharing->worker.stopping;

	if (!stopping) {
		request->next = *list;
		*list = request;
		if (covered)
			postpone(sharing, &request->deadline);
	}
	worker_wake(&sharing->worker);
	pthread_mutex_unlock(&sharing->worker.lock);
	if (stopping)
		request->done(request, -ESHUTDOWN, NULL);
}

bool single_flight_is_alive(struct single_flight *sharing, double seconds)
{
	pthread_mutex_lock(&sharing->worker.lock);

	const double silent = clock_seconds_since(&sharing->sign);
	const double overdue = clock_seconds_since(&sharing->due);
	const bool alive = !sharing->working || silent <= seconds ||
			   (overdue <= seconds && silent <= seconds + SINGLE_FLIGHT_LONGEST_WAIT);

	pthread_mutex_unlock(&sharing->worker.lock);
	return alive;
}

void single_flight_stop(struct single_flight *sharing)
{
	pthread_mutex_lock(&sharing->worker.lock);

	struct shared_request *waiting = sharing->waiting;

	sharing->waiting = NULL;
	worker_end(&sharing->worker);
	pthread_mutex_unlock(&sharing->worker.lock);
	answer(waiting, -ESHUTDOWN, NULL);
	worker_join(&sharing->worker);
	pthread_mutex_lock(&sharing->worker.lock);
	forget_kept(sharing);
	pthread_mutex_unlock(&sharing->worker.lock);
}

void single_flight_free(struct single_flight *sharing)
{
	if (!sharing)
		return;
	single_flight_stop(sharing);
	worker_release(&sharing->worker);
	free(sharing);
}
