/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PASS_H
#define EPHEMERA_PASS_H

/* One walk for all collectors of a gathering. Only gather.c uses it. */

#include "collectors/gather.h"

struct gatherer {
	struct gatherer_options options;
	void *states[COLLECTORS_MAX];
	struct source *source;
	struct chosen_ports chosen;
	struct facts facts;
};

struct observers {
	size_t length;
	struct {
		int (*observe)(void *state, const struct socket *socket);
		void *state;
		int *error;
	} list[COLLECTORS_MAX];
};

struct pass {
	struct gatherer *gatherer;
	struct gathering *gathering;
	bool (*should_stop)(void *context);
	void *context;
	bool stopped;
	bool finished;		    /* facts are complete: no more binds are expected */
	bool walks;		    /* the source does: see source_walks() */
	struct observers binds;	    /* who wants LISTEN and bound-only sockets */
	struct observers connected; /* who wants the other TCP sockets */
	struct observers udp;
	struct observers udp_chosen; /* who wants those whose port was chosen by number */
};

static inline bool pass_has(collector_set set, size_t i)
{
	return set >> i & 1;
}

/*
 * Reads the settings, begins the collectors that were asked for, and hands each the sockets that it
 * needs. Returns 0, also where collectors failed; -EINTR where the kernel says that a listing was
 * inconsistent, and the pass must run again; -ECANCELED where should_stop said so.
 */
int pass_run(struct pass *pass);

/* Fails those of the asked collectors that have one of needs and have not failed yet. */
void pass_fail(struct pass *pass, unsigned needs, int error);

#endif
