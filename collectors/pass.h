/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PASS_H
#define EPHEMERA_PASS_H

/* One walk for all collectors of a gathering. Only gather.c uses it. */

#include "collectors/namespaces.h"

struct gatherer {
	struct gatherer_options options;
	struct cgroups *cgroups;
	struct pods *pods;
	struct source *source;
	struct chosen_ports chosen;
	struct instance own;	       /* of our network namespace */
	struct namespaces *namespaces; /* NULL: only ours is looked at */
	struct address_owners addresses;
};

struct pass {
	struct gatherer *gatherer;
	struct gathering *gathering;
	bool (*should_stop)(void *context);
	void *context;
	bool stopped;
	bool walks; /* the source does: see source_walks() */
	bool all;   /* it looks at all network namespaces */
};

/*
 * Reads the settings, begins the collectors that were asked for, and hands each the sockets that it
 * needs. Returns 0, also where collectors failed; -EINTR where the kernel says that a listing was
 * inconsistent, and the pass must run again; -ECANCELED where should_stop said so.
 */
int pass_run(struct pass *pass);

/* The part of it that looks at all network namespaces: pass_all.c. Returns the same. */
int pass_list_all(struct pass *pass);

/* Lists UDP sockets of our own namespace. Returns the same. */
int pass_list_udp(struct pass *pass);

/* Between parts of a listing: a source_observer's batch. */
int pass_batch(void *context);

#endif
