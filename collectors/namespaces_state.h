/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACES_STATE_H
#define EPHEMERA_NAMESPACES_STATE_H

/* What the files of namespaces.h share: namespaces.c, netns_addresses.c, netns_labels.c,
 * netns_list.c, netns_series.c, netns_views.c.
 */

#include "collectors/kernel/netns_names.h"
#include "collectors/kernel/pods.h"
#include "collectors/namespaces.h"
#include "collectors/netns_settings.h"
#include "collectors/tables/owner_table.h"

struct namespaces {
	struct namespaces_options options;
	/* Of the instances: some of the collectors, some flags. */
	struct gatherer_options foreign;
	unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	struct gatherer_options viewing; /* of the instances with views */
	struct netns_asked *asked;	 /* of this gathering */
	size_t asked_length;
	struct cgroups *cgroups;
	struct netns **list; /* all */
	size_t length;
	size_t capacity;
	struct netns **slots; /* the same by id: open addressing, linear probing */
	size_t mask;
	struct netns *last; /* most sockets have that of the one before */
	unsigned round;	    /* of listings */
	size_t added;	    /* to the list, ever */
	bool is_closed;	    /* what is not in the list is not added now */
	bool has_results;
	bool is_blind;
	size_t room; /* for destinations */
	struct netns_settings settings;
	struct netns_names names;
	struct pods *pods;
	/* The cgroups of the host's own sockets: their pods have no namespace of their own. */
	struct owner_table *host_owners;
	struct metric_set *found; /* by one instance */
};

/*
 * Lists the namespaces, with their names, and forgets those that are gone. Returns 0, or as
 * source_list().
 */
int netns_list_read(struct namespaces *namespaces, struct source *source);

void netns_free(const struct namespaces *namespaces, struct netns *netns);

/* Sets the label netns, by names. Returns 0 or -ENOMEM. */
int netns_labels_name(struct namespaces *namespaces, struct netns *netns);

/* Finds the other labels of all from their surveys. Returns 0 or -ENOMEM. */
int netns_labels_find_all(struct namespaces *namespaces);

/* Gives those that are asked for their views, and takes them from others. Returns 0 or -errno. */
int netns_views_begin(struct namespaces *namespaces);

/* Chooses which collectors are views. */
void netns_views_choose(struct namespaces *namespaces, const struct gatherer_options *options);

void netns_views_free(struct netns *netns);

/* Chooses what instances collect: see struct namespaces. */
void netns_series_choose(struct namespaces *namespaces, const struct gatherer_options *options);

#endif
