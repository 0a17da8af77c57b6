// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_fold.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

static bool calls_are_alike(const struct exhausted_event *a, const struct exhausted_event *b)
{
	return a->call == b->call && a->refused_port == b->refused_port &&
	       a->refused == b->refused && a->family == b->family &&
	       a->remote_port == b->remote_port && a->interface == b->interface &&
	       a->cgroup_id == b->cgroup_id && a->namespace_id == b->namespace_id &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0 &&
	       memcmp(a->comm, b->comm, sizeof(a->comm)) == 0;
}

static bool packets_are_alike(const struct snat_lost_event *a, const struct snat_lost_event *b)
{
	return a->namespace_id == b->namespace_id && memcmp(&a->to, &b->to, sizeof(a->to)) == 0 &&
	       memcmp(a->client, b->client, sizeof(a->client)) == 0;
}

static bool are_alike(const struct trace_fold *a, const struct trace_fold *b)
{
	if (a->is_packet != b->is_packet)
		return false;
	return a->is_packet ? packets_are_alike(&a->lost, &b->lost)
			    : calls_are_alike(&a->event, &b->event);
}

static uint64_t time_of(const struct trace_fold *fold)
{
	return fold->is_packet ? fold->lost.time_ns : fold->event.time_ns;
}

/* Returns 0 or what print returned. */
static int print_count(struct trace_fold *fold, trace_fold_print *print, void *context)
{
	return fold->count ? print(context, fold) : 0;
}

static void drop(struct trace_folds *folds, size_t i)
{
	memmove(
	    &folds->list[i], &folds->list[i + 1], (--folds->length - i) * sizeof(folds->list[0]));
}

/* The one whose last event is the oldest. */
static size_t oldest(const struct trace_folds *folds)
{
	size_t found = 0;

	for (size_t i = 1; i < folds->length; i++)
		if (time_of(&folds->list[i]) < time_of(&folds->list[found]))
			found = i;
	return found;
}

static int add_new(struct trace_folds *folds, const struct trace_fold *newest,
    trace_fold_print *print, void *context)
{
	int result = 0;

	if (folds->length == TRACE_FOLDS_MAX) {
		const size_t place = oldest(folds);

		result = print_count(&folds->list[place], print, context);
		drop(folds, place);
	}
	folds->list[folds->length] = *newest;
	folds->list[folds->length++].from_ns = time_of(newest);
	return result;
}

static int add(struct trace_folds *folds, const struct trace_fold *newest, trace_fold_print *print,
    void *context)
{
	for (size_t i = 0; i < folds->length; i++) {
		struct trace_fold *fold = &folds->list[i];

		if (!are_alike(fold, newest))
			continue;
		fold->has_pids = fold->has_pids || fold->event.pid != newest->event.pid;
		fold->event = newest->event;
		fold->lost = newest->lost;
		fold->count++;
		return 1;
	}
	return add_new(folds, newest, print, context);
}

int trace_folds_add(struct trace_folds *folds, const struct exhausted_event *event,
    trace_fold_print *print, void *context)
{
	const struct trace_fold newest = {.event = *event};

	return add(folds, &newest, print, context);
}

int trace_folds_add_lost(struct trace_folds *folds, const struct snat_lost_event *event,
    trace_fold_print *print, void *context)
{
	const struct trace_fold newest = {.is_packet = true, .lost = *event};

	return add(folds, &newest, print, context);
}

bool trace_folds_has(const struct trace_folds *folds)
{
	for (size_t i = 0; i < folds->length; i++)
		if (folds->list[i].count)
			return true;
	return false;
}

int trace_folds_print(
    struct trace_folds *folds, uint64_t now_ns, trace_fold_print *print, void *context)
{
	int result = 0;

	for (size_t i = 0; i < folds->length && result == 0;) {
		struct trace_fold *fold = &folds->list[i];

		/* An event may be younger than this look. */
		if (now_ns < fold->from_ns ||
		    now_ns - fold->from_ns < TRACE_FOLD_SECONDS * SECOND_NS) {
			i++;
			continue;
		}
		if (!fold->count) {
			drop(folds, i);
			continue;
		}
		result = print_count(fold, print, context);
		fold->count = 0;
		fold->has_pids = false;
		fold->from_ns = now_ns;
		i++;
	}
	return result;
}
