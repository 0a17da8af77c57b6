/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_TALLY_H
#define EPHEMERA_TRACE_TALLY_H

/*
 * Counts failed calls that were asked for, as the kernel's side counts all: by destination, by
 * cgroup, and by the port that was refused. Each table has a fixed size.
 */

#include "collectors/bpf/exhaustion.h"

struct trace_tally {
	struct exhaustion_shared shared; /* without the kernel's numbers of anything else */
	struct tally_place destinations[TALLY_DESTINATIONS];
	struct tally_place owners[TALLY_OWNERS];
	struct tally_place conflicts[TALLY_CONFLICTS];
};

/* tally: zero-initialised at first. */
void trace_tally_add(struct trace_tally *tally, const struct exhausted_event *event);

#endif
