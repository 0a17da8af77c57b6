/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PASS_H
#define EPHEMERA_PASS_H

/* One walk for all collectors of a gathering. Only gather.c uses it. */

#include "collectors/instance.h"

struct gatherer {
	struct gatherer_options options;
	struct cgroups *cgroups;
	struct source *source;
	struct chosen_ports chosen;
	struct instance own; /* of our network namespace */
};

struct pass {
	struct gatherer *gatherer;
	struct gathering *gathering;
	bool (*should_stop)(void *context);
	void *context;
	bool stopped;
	bool walks; /* the source does: see source_walks() */
};

/*
 * Reads the settings, begins the collectors that were asked for, and hands each the sockets that it
 * needs. Returns 0, also where collectors failed; -EINTR where the kernel says that a listing was
 * inconsistent, and the pass must run again; -ECANCELED where should_stop said so.
 */
int pass_run(struct pass *pass);

#endif
