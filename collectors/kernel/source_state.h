/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SOURCE_STATE_H
#define EPHEMERA_SOURCE_STATE_H

/* What source.c and source_walk.c share. */

#include <stdio.h>

#include "collectors/kernel/source.h"
#include "collectors/kernel/walk.h"

struct source {
	const char *procfs;
	enum source_kind kind;
	enum source_kind used[SOCKET_PROTOCOLS];
	struct walk *walk;	/* NULL: none, or given up */
	unsigned walk_failures; /* one after the other */
	int walk_error;
	struct portset held;
	FILE *replay;
	FILE *record;
	bool probed;
	bool sees_bound_only;
};

/* Whether source_list_by_walk() has that listing. */
bool source_is_walked(const struct source *source, enum listing listing);

/* As source_list(). */
int source_list_by_walk(
    struct source *source, enum listing listing, const struct source_observer *observer);

#endif
