// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_fold.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

static bool are_alike(const struct exhausted_event *a, const struct exhausted_event *b)
{
	return a->call == b->call && a->refused_port == b->refused_port &&
	       a->refused == b->refused && a->family == b->family &&
	       a->remote_port == b->remote_port && a->interface == b->interface &&
	       a->cgroup_id == b->cgroup_id && a->namespace_id == b->namespace_id &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0 &&
	       memcmp(a->comm, b->comm, sizeof(a->comm)) == 0;
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
		if (folds->list[i].event.time_ns < folds->list[found].event.time_ns)
			found = i;
	return found;
}

static int add_new(struct trace_folds *folds, const struct exhausted_event *event,
    trace_fold_print *print, void *context)
{
	int result = 0;

	if (folds->length == TRACE_FOLDS_MAX) {
		const size_t place = oldest(folds);

		result = print_count(&folds->list[place], print, context);
		drop(folds, place);
	}
	folds->list[folds->length++] =
	    (struct trace_fold){.event = *event, .from_ns = event->time_ns};
	return result;
}

int trace_folds_add(struct trace_folds *folds, const struct exhausted_event *event,
    trace_fold_print *print, void *context)
{
	for (size_t i = 0; i < folds->length; i++) {
		struct trace_fold *fold = &folds->list[i];

		if (!are_alike(&fold->event, event))
			continue;
		fold->has_pids = fold->has_pids || fold->event.pid != event->pid;
		fold->event = *event;
		fold->count++;
		return 1;
	}
	return add_new(folds, event, print, context);
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
