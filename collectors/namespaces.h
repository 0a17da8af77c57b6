/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACES_H
#define EPHEMERA_NAMESPACES_H

/*
 * All network namespaces of a host, of one gathering after the other. Each is surveyed; the fullest
 * have an instance of the collectors, and are shown. Only gather.c and pass.c use it, and whoever
 * lists them.
 */

#include "collectors/address_owners.h"
#include "collectors/instance.h"
#include "collectors/kernel/source.h"
#include "collectors/netns_addresses.h"
#include "collectors/tables/survey.h"

/* Who a namespace belongs to, as far as it is known: the labels of its samples. */
struct netns_labels {
	char *netns;	      /* its name, or its inode's number; never NULL once it was listed */
	char *pod_uid;	      /* these are NULL if they are not known */
	char *namespace_name; /* of the pod, in Kubernetes */
	char *pod;
	char *container;
	bool is_shared; /* several pods had sockets there: whose it is cannot be known */
};

void netns_labels_free(struct netns_labels *labels);

/* Whether it is the namespace of the pod called name: POD or NAMESPACE/POD. */
bool netns_labels_are_of(const struct netns_labels *labels, const char *name);

struct netns {
	uint32_t id;		     /* see struct walk_namespace */
	struct walk_namespace entry; /* as it was listed last */
	unsigned round;		     /* the last listing that found it */
	const struct settings *settings;
	struct netns_labels labels;
	struct netns_addresses addresses;
	struct survey survey;
	struct survey_result result; /* of the last gathering that ended well */
	bool has_result;
	double rank;		     /* those with the highest are shown */
	struct instance *instance;   /* NULL: it is not shown, or it is ours */
	struct netns_viewed *viewed; /* NULL: nobody asked for its views */
	void *kept[COLLECTORS_MAX];  /* [i]: by emit_elsewhere() of the collector at i */
};

struct namespaces;

/*
 * options: of the gatherer, with its namespaces, which are not NULL; both must outlive it, as must
 * cgroups and pods. NULL: out of memory.
 */
struct namespaces *namespaces_new(
    const struct gatherer_options *options, struct cgroups *cgroups, struct pods *pods);
void namespaces_free(struct namespaces *namespaces); /* NULL is fine */

/*
 * Begins a gathering: lists the namespaces, forgets those that are gone, chooses which are shown,
 * and begins their instances. Returns 0, or as source_list().
 */
int namespaces_begin(struct namespaces *namespaces, struct source *source, collector_set asked);

/*
 * Whether the choice was made without knowing how full they are: there are more than can be shown,
 * and this was the first gathering. Then gather once more.
 */
bool namespaces_chose_blindly(const struct namespaces *namespaces);

/* Finds what is seen of the node: node_view_find(). */
int namespaces_view(
    const struct namespaces *namespaces, struct source *source, unsigned *ret_parts);

/* The namespace with that id; NULL: it came after the list was made. */
struct netns *namespaces_find(struct namespaces *namespaces, uint32_t id);

/* The namespace of whoever reads; NULL: before a gathering. */
struct netns *namespaces_own(const struct namespaces *namespaces);

/* All of the last gathering, in no order. */
size_t namespaces_length(const struct namespaces *namespaces);
struct netns *namespaces_at(const struct namespaces *namespaces, size_t i);

/* Notes a port that bind() holds there. Returns 0 or -ENOMEM. */
int namespaces_hold(struct netns *netns, uint16_t port);

/* Notes a socket in the namespace's survey. Returns 0 or -ENOMEM. */
int namespaces_observe(
    struct namespaces *namespaces, struct netns *netns, const struct socket *socket);

/*
 * Ends a gathering that found everything: the surveys' results, and the names. Returns 0 or
 * -ENOMEM.
 */
int namespaces_finish(struct namespaces *namespaces);

/* All families that namespaces_emit() adds besides those of collectors; NULL ends them. */
extern const struct metric_family *const namespaces_families[];

/*
 * Adds what the shown ones' instances found, each with its labels and at most
 * namespaces_options.series samples, and the sums of all namespaces. The outcomes of
 * own get the first error of each collector in another namespace.
 */
void namespaces_emit(struct namespaces *namespaces, struct instance *own, struct metric_set *set);

/*
 * The namespaces that a person means by name: the one of that name in namespaces_options.names;
 * else the one with that inode; else those of the pods that are called so, "POD" or
 * "NAMESPACE/POD". Returns how many there are, and in ret_list the first ones, at most `room`. A
 * pod is known once a gathering saw its sockets.
 */
size_t namespaces_match(const struct namespaces *namespaces, const char *name,
    const struct netns **ret_list, size_t room);

/* The find of struct address_owners, whose context is a struct namespaces. */
void namespaces_find_owner(const void *context, enum socket_family family,
    const struct socket_address *address, struct address_owner *ret_owner);

/* See gatherer_ask(). */
void namespaces_ask(struct namespaces *namespaces, struct netns_asked *list, size_t length);

/* The instance with its views; NULL: nobody asked for them. */
struct instance *netns_views_instance(const struct netns *netns);

/*
 * Whether a namespace that is asked for was found only at the end of the gathering: then gather
 * once more.
 */
bool netns_views_lack(struct namespaces *namespaces);

/* Completes the views. */
void netns_views_finish(struct namespaces *namespaces);

/* The state of the view at i of the gatherer's list; or NULL, and in ret_error the -errno. */
void *netns_view(const struct netns *netns, size_t i, int *ret_error);

/* Lets all instances forget what they found. */
void namespaces_reset(struct namespaces *namespaces);

/* Fails the collectors of all instances: instance_fail(). */
void namespaces_fail(struct namespaces *namespaces, unsigned needs, int error);

#endif
