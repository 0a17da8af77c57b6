/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_INSTANCE_H
#define EPHEMERA_INSTANCE_H

/*
 * The collectors of one network namespace, and what they share: its facts. A gathering begins the
 * instance, hands it sockets, and lets it emit. Only gather.c and pass.c use it.
 */

#include "collectors/gather.h"

struct observers {
	size_t length;
	struct {
		int (*observe)(void *state, const struct socket *socket);
		void *state;
		int *error;
	} list[COLLECTORS_MAX];
};

struct instance {
	const struct gatherer_options *options;
	void *states[COLLECTORS_MAX]; /* [i]: NULL if the collector is not enabled */
	struct facts facts;
	const struct ports_asked *ports; /* NULL: of no namespace that is asked for */

	/* Of the gathering in progress. */
	collector_set asked;
	struct collector_outcome outcomes[COLLECTORS_MAX];
	bool finished;		    /* facts are complete: no more binds are expected */
	struct observers binds;	    /* who wants LISTEN and bound-only sockets */
	struct observers connected; /* who wants the other TCP sockets */
	struct observers udp;
	struct observers udp_chosen; /* who wants those whose port was chosen by number */
};

static inline bool collector_set_has(collector_set set, size_t i)
{
	return set >> i & 1;
}

/*
 * Makes the enabled collectors. All but ports is zero before. The instance must not move
 * afterwards, and options, cgroups and pods must outlive it. Returns 0 or -errno;
 * instance_release() follows in any case.
 */
int instance_init(struct instance *instance, const struct gatherer_options *options,
    struct cgroups *cgroups, struct pods *pods);
void instance_release(struct instance *instance);

/*
 * Forgets the gathering before, and begins the collectors of asked. settings: of the namespace;
 * NULL: they could not be read, because of error (-errno).
 */
void instance_begin(
    struct instance *instance, collector_set asked, const struct settings *settings, int error);

/* Fails those of the asked collectors that have one of needs and have not failed yet. */
void instance_fail(struct instance *instance, unsigned needs, int error);

/* Whether one of the asked collectors that have not failed has one of needs. */
bool instance_needs(const struct instance *instance, unsigned needs);

/* Completes the facts, if that was not done: no more listeners and bound sockets will come. */
void instance_finish_facts(struct instance *instance);

/* walks: the socket is from a source that walks, see source_walks(). */
void instance_observe_tcp(struct instance *instance, const struct socket *socket, bool walks);
void instance_observe_udp(struct instance *instance, const struct socket *socket);

/* They come again among all UDP sockets, and are counted there. */
void instance_observe_udp_chosen(struct instance *instance, const struct socket *socket);

/* Adds what the collectors found to set. Returns the enum kernel_feature that they had, or'ed. */
unsigned instance_emit(struct instance *instance, struct metric_set *set);

/* Lets the collectors forget what they found: otherwise it would stay until the next gathering. */
void instance_reset(struct instance *instance);

/* See gatherer_check(). */
int instance_check(const struct instance *instance, size_t i, const char **ret_reason);
/* See gatherer_lacks(). */
const char *instance_lacks(const struct instance *instance, size_t i);

/* See gatherer_remark(). */
const char *instance_remark(const struct instance *instance, size_t i);

#endif
