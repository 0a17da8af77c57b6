/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_FOLD_H
#define EPHEMERA_TRACE_FOLD_H

/*
 * Folds failed calls that are alike: the same call, destination, source, program, cgroup and
 * network namespace; and lost packets: from the same client, by the same SNAT address, to the same
 * destination. The first one is printed; those that follow are counted, and the count is
 * printed every few seconds. Pids may differ. A fixed number of kinds is told apart at a time; if
 * there are more, the one that came longest ago is printed and forgotten, so that no call is lost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/exhaustion.h"
#include "collectors/bpf/snat_lost.h"

#define TRACE_FOLDS_MAX 64
#define TRACE_FOLD_SECONDS 5u

struct trace_fold {
	bool is_packet;		      /* the last one is lost, not event */
	struct exhausted_event event; /* the last one */
	struct snat_lost_event lost;
	uint64_t from_ns;    /* since when they are counted, CLOCK_MONOTONIC */
	unsigned long count; /* those that are not printed yet */
	bool has_pids;	     /* they are of several processes */
};

/* Prints how many are like the event. Returns 0 or -errno. */
typedef int trace_fold_print(void *context, const struct trace_fold *fold);

/* Zero-initialised, it is empty. */
struct trace_folds {
	size_t length;
	struct trace_fold list[TRACE_FOLDS_MAX];
};

/*
 * Takes an event. Returns 1 if it is like one before and was counted; 0: the caller prints it; or
 * what print returned, if that failed.
 */
int trace_folds_add(struct trace_folds *folds, const struct exhausted_event *event,
    trace_fold_print *print, void *context);

/* The same of a packet. */
int trace_folds_add_lost(struct trace_folds *folds, const struct snat_lost_event *event,
    trace_fold_print *print, void *context);

/* Whether any call was counted that is not printed yet. */
bool trace_folds_has(const struct trace_folds *folds);

/*
 * Prints the counts that are due at now_ns (UINT64_MAX: all), and forgets what has not come again.
 * Returns 0 or what print returned.
 */
int trace_folds_print(
    struct trace_folds *folds, uint64_t now_ns, trace_fold_print *print, void *context);

#endif
