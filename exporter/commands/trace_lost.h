/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_LOST_H
#define EPHEMERA_TRACE_LOST_H

/* `ephemera trace`: packets that source NAT found no port for. */

#include <stdbool.h>

#include "collectors/kernel/snat_lost_probe.h"
#include "exporter/commands/options.h"
#include "exporter/commands/trace_fold.h"
#include "exporter/commands/trace_lost_print.h"
#include "exporter/commands/trace_namespaces.h"

struct trace_lost;

/*
 * Begins to follow them, if that can be. A packet has no process, so with --by none is asked for.
 * Returns 0; *ret_lost is NULL where they are not followed, and then *ret_reason is why, a static
 * string, or NULL if they are not asked for; or -ENOMEM.
 */
int trace_lost_open(
    const struct options *options, struct trace_lost **ret_lost, const char **ret_reason);
void trace_lost_close(struct trace_lost *lost); /* NULL is fine */

/* Where packets are counted and printed; all outlives it. */
struct trace_lost_sink {
	struct trace_folds *folds; /* NULL: each is printed by itself */
	trace_fold_print *print_fold;
	void *context;			     /* of print_fold */
	struct trace_namespaces *namespaces; /* NULL: only one is followed */
};

/*
 * Prints those that came since the last call, and waits for none. Does nothing if lost is NULL.
 * Returns 0; -ECANCELED after a second signal; or another -errno.
 */
int trace_lost_read(struct trace_lost *lost, const struct trace_lost_sink *sink);

/* Prints how many are like the packet of the fold. Returns 0 or -errno. */
int trace_lost_print_count(
    const struct trace_fold *fold, double seconds, const struct trace_namespaces *namespaces);

/*
 * What the kernel counted, of what was asked for. lost: not NULL. The caller frees ret_sum->list;
 * what that points to lasts as long as lost. Returns 0 or -ENOMEM.
 */
int trace_lost_sum(const struct trace_lost *lost, struct trace_lost_sum *ret_sum);

#endif
