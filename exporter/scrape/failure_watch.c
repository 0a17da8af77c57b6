// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/clock.h"
#include "exporter/base/worker.h"
#include "exporter/scrape/failure_groups.h"
#include "exporter/scrape/history.h"

#define STEP_SECONDS 0.5
/* From one request of a client to its next one, which goes on where the first ended. */
#define LINGER_SECONDS 30.0
/* In one look. So many find no room in the kernel's memory either. */
#define EVENTS_MAX 8192

struct failure_watch {
	struct exhaustion_probe *probe;
	struct exhaustion_events *events;
	struct cgroups *cgroups;
	struct pods *pods;
	struct failure_log *log;
	struct worker worker;
	struct shared_request *waiting;
	struct timespec asked; /* when somebody began to wait while nobody did */
	struct timespec looked;
	/* Only the thread uses the rest. */
	bool watches;
	struct timespec wanted; /* when somebody waited last */
	bool discards;		/* events from before */
	size_t taken;		/* events, in this look */
	struct failure_groups groups;
	uint64_t told;	 /* calls that the kernel counted and the log has, or that came before */
	int64_t missing; /* at the last look; may be less than 0: they are read one after another */
};

static int take_event(void *context, const struct exhausted_event *event)
{
	struct failure_watch *watch = context;

	if (!watch->discards)
		failure_groups_add(&watch->groups, event);
	return ++watch->taken < EVENTS_MAX ? 0 : -EAGAIN;
}

int failure_watch_new(struct exhaustion_probe *probe, const char *sysfs, const char *pods,
    struct failure_watch **ret_watch)
{
	struct failure_watch *watch = calloc(1, sizeof(*watch));
	int result;

	if (!watch)
		return -ENOMEM;
	worker_init(&watch->worker);
	watch->probe = probe;
	watch->cgroups = cgroups_new(sysfs);
	watch->pods = pods_new(pods);
	watch->log = failure_log_new();
	result = watch->cgroups && watch->pods && watch->log ? 0 : -ENOMEM;
	if (result == 0)
		result = exhaustion_events_open(probe, take_event, watch, &watch->events);
	if (result < 0)
		failure_watch_free(watch);
	else
		*ret_watch = watch;
	return result;
}

static uint64_t count_calls(const struct exhaustion_shared *shared)
{
	uint64_t calls = 0;

	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++)
		for (size_t family = 0; family < EXHAUSTED_FAMILIES; family++)
			calls += exhaustion_read(&shared->failures[call][family]);
	return calls;
}

static void take_events(struct failure_watch *watch, bool discards)
{
	watch->groups = (struct failure_groups){0};
	watch->discards = discards;
	watch->taken = 0;
	(void)exhaustion_events_wait(watch->events, 0);
}

/* What happened while nobody watched is nobody's news. */
static void begin(struct failure_watch *watch)
{
	take_events(watch, true);
	watch->told = count_calls(watch->probe->shared);
	watch->missing = 0;
	watch->watches = true;
}

/* [i]: of the group at i; NULL where the cgroup is not known. */
static void find_cgroups(struct failure_watch *watch, const char *ret_paths[FAILURE_GROUPS])
{
	const struct failure_groups *groups = &watch->groups;
	uint64_t ids[FAILURE_GROUPS];
	const char *paths[FAILURE_GROUPS];
	size_t places[FAILURE_GROUPS]; /* [i]: in ids, where each is once; 0 is no cgroup */
	size_t length = 0;

	for (size_t i = 0; i < groups->length; i++) {
		const uint64_t id = groups->list[i].event.cgroup_id;
		size_t at = 0;

		while (at < length && ids[at] != id)
			at++;
		if (at == length && id)
			ids[length++] = id;
		places[i] = at;
	}
	cgroups_forget_old(watch->cgroups);

	const bool found = length > 0 && cgroups_resolve(watch->cgroups, ids, length, paths) == 0;

	for (size_t i = 0; i < groups->length; i++)
		ret_paths[i] = found && groups->list[i].event.cgroup_id ? paths[places[i]] : NULL;
}

static void log_groups(struct failure_watch *watch)
{
	const char *paths[FAILURE_GROUPS];

	if (watch->groups.length == 0)
		return;
	find_cgroups(watch, paths);
	pods_begin(watch->pods);
	for (size_t i = 0; i < watch->groups.length; i++) {
		struct owner_labels owner;
		struct text json = {0};

		if (paths[i])
			owner = owner_labels_of(watch->pods, paths[i]);
		failure_group_write(&watch->groups.list[i], paths[i] ? &owner : NULL, &json);
		failure_log_add(watch->log, &json);
	}
}

/*
 * How many calls were counted but told by no event. A call is counted before its event comes, so
 * one that is missing in this look alone may come yet.
 */
static uint64_t find_lost(struct failure_watch *watch, uint64_t counted)
{
	const int64_t missing = (int64_t)(counted - watch->told);

	/* Others are there still, and come in the next look. */
	if (watch->taken >= EVENTS_MAX)
		return 0;

	const int64_t lost = missing < watch->missing ? missing : watch->missing;

	watch->missing = lost > 0 ? missing - lost : missing;
	return lost > 0 ? (uint64_t)lost : 0;
}

static void look(struct failure_watch *watch)
{
	/* Before the events: so that none is counted here whose event comes after them. */
	const uint64_t counted = count_calls(watch->probe->shared);
	struct text json = {0};
	uint64_t others;

	take_events(watch, false);
	log_groups(watch);
	watch->told += watch->groups.told;

	const uint64_t lost = find_lost(watch, counted);

	watch->told += lost;
	others = lost + watch->groups.others;
	if (others == 0)
		return;
	failure_others_write(history_now(), others, &json);
	failure_log_add(watch->log, &json);
}

/* Those that came since the last look want what is new from here on. */
static void meet(struct failure_watch *watch)
{
	for (struct shared_request *i = watch->waiting; i; i = i->next) {
		struct failure_request *request = (struct failure_request *)i;

		if (request->is_known)
			continue;
		request->is_known = true;
		request->after = request->has_id ? failure_log_after(watch->log, &request->id)
						 : failure_log_last(watch->log);
	}
}

static bool is_ready(const struct failure_watch *watch, const struct failure_request *request)
{
	const struct timespec now = clock_now();

	return request->is_known &&
	       (request->after < failure_log_last(watch->log) ||
		   clock_is_past(&request->shared.deadline, &now) || request->is_gone(request));
}

/* Removes those that need not wait any longer from the list, and returns them. */
static struct shared_request *take_ready(struct failure_watch *watch)
{
	struct shared_request **list = &watch->waiting;
	struct shared_request *ready = NULL;

	while (*list) {
		struct shared_request *request = *list;

		if (!is_ready(watch, (const struct failure_request *)request)) {
			list = &request->next;
			continue;
		}
		*list = request->next;
		request->next = ready;
		ready = request;
	}
	return ready;
}

static void answer(const struct failure_watch *watch, struct shared_request *list)
{
	while (list) {
		struct shared_request *next = list->next; /* done() may free the request */
		const struct failure_news news = {
		    watch->log, ((struct failure_request *)list)->after};

		list->done(list, 0, &news);
		list = next;
	}
}

/* The worker's step. */
static void watch_on(void *context)
{
	struct failure_watch *watch = context;
	struct shared_request *ready;

	if (watch->waiting)
		watch->wanted = clock_now();
	else if (!watch->watches || clock_seconds_since(&watch->wanted) >= LINGER_SECONDS) {
		watch->watches = false;
		worker_wait(&watch->worker, 0);
		return;
	}
	/* Only this thread adds to the log, so what is met here was there before the look. */
	meet(watch);
	if (!watch->watches || clock_seconds_since(&watch->looked) >= STEP_SECONDS) {
		pthread_mutex_unlock(&watch->worker.lock);
		if (watch->watches)
			look(watch);
		else
			begin(watch);
		pthread_mutex_lock(&watch->worker.lock);
		watch->looked = clock_now();
	}
	ready = take_ready(watch);
	if (ready) {
		pthread_mutex_unlock(&watch->worker.lock);
		answer(watch, ready);
		pthread_mutex_lock(&watch->worker.lock);
	}
	if (!watch->worker.stopping)
		worker_wait(&watch->worker, STEP_SECONDS);
}

int failure_watch_start(struct failure_watch *watch)
{
	return worker_start(&watch->worker, watch_on, watch);
}

void failure_watch_submit(struct failure_watch *watch, struct failure_request *request)
{
	pthread_mutex_lock(&watch->worker.lock);

	const bool stopping = watch->worker.stopping;

	if (!stopping) {
		if (!watch->waiting)
			watch->asked = clock_now();
		request->is_known = false;
		request->shared.next = watch->waiting;
		watch->waiting = &request->shared;
		worker_wake(&watch->worker);
	}
	pthread_mutex_unlock(&watch->worker.lock);
	if (stopping)
		request->shared.done(&request->shared, -ESHUTDOWN, NULL);
}

bool failure_watch_is_alive(struct failure_watch *watch, double seconds)
{
	pthread_mutex_lock(&watch->worker.lock);

	const bool alive = !watch->waiting || clock_seconds_since(&watch->looked) <= seconds ||
			   clock_seconds_since(&watch->asked) <= seconds;

	pthread_mutex_unlock(&watch->worker.lock);
	return alive;
}

void failure_watch_stop(struct failure_watch *watch)
{
	pthread_mutex_lock(&watch->worker.lock);
	worker_end(&watch->worker);
	pthread_mutex_unlock(&watch->worker.lock);
	worker_join(&watch->worker);
	/* Nobody else takes from the list now. */
	meet(watch);

	struct shared_request *waiting = watch->waiting;

	watch->waiting = NULL;
	answer(watch, waiting);
}

void failure_watch_free(struct failure_watch *watch)
{
	if (!watch)
		return;
	failure_watch_stop(watch);
	exhaustion_events_close(watch->events);
	worker_release(&watch->worker);
	failure_log_free(watch->log);
	pods_free(watch->pods);
	cgroups_free(watch->cgroups);
	free(watch);
}
