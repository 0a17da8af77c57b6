/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_GATHER_H
#define EPHEMERA_GATHER_H

/*
 * One look at the namespace for any set of collectors: facts, binds, one walk over the sockets, and
 * the result of each collector. No threads, no HTTP.
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/kernel/source.h"
#include "collectors/registry.h"

/* A set of collectors: bit i stands for the one at i of the gatherer's list. */
typedef uint32_t collector_set;

/* What happened to one collector in one gathering. */
struct collector_outcome {
	int error;	    /* 0, or -errno: it was rolled back */
	bool absent;	    /* the host does not have it, and no flag asked for it: no error */
	const char *reason; /* of the error, in words; NULL: not needed */
	double seconds;	    /* spent in its begin, finish and emit; the walk is shared */
};

struct gathering {
	collector_set asked;
	struct collector_outcome outcomes[COLLECTORS_MAX];
	unsigned features;		  /* enum kernel_feature that were used, or'ed */
	const char *settings_file;	  /* below procfs: what could not be read, or NULL */
	double seconds;			  /* the whole of it */
	double listing_seconds[LISTINGS]; /* of the listings that were made */
	bool listed[LISTINGS];
	unsigned long sockets; /* records observed */
	bool has_namespaces;   /* all of them were looked at, to the end */
};

/* How every network namespace of the host is looked at. */
struct namespaces_options {
	unsigned long limit;  /* how many of the fullest are shown; 0: none, all are surveyed */
	unsigned long series; /* samples of each, at most */
	const char *names;    /* such as "/run/netns" */
	bool whole; /* others have the collectors of ours, with the same flags; not those of series
		     */
};

struct gatherer_options {
	const struct collector *const *collectors; /* the registry's, as a rule */
	size_t length; /* of that list, at most COLLECTORS_MAX; 0: only namespaces are surveyed */
	collector_set enabled;
	collector_set wanted; /* of those, the ones that the user asked for by name */
	const unsigned long (*values)[COLLECTOR_FLAGS_MAX]; /* [i]: of the collector at i */
	const char *procfs;
	const char *sysfs;
	const char *pods;	      /* such as "/var/log/pods"; NULL: pods have no names */
	struct port_range node_ports; /* for the settings, as in struct source_options */
	/* How often the ports that were bound and then connected are listed: see holders.h. */
	unsigned long refresh_sockets;
	unsigned refresh_seconds;
	const struct peer_filter *peers; /* for the finder of destinations; NULL: all peers */
	bool lease_starts;		 /* whether exhaustion_starts() will be asked for */
	bool failure_events; /* whether the probe of exhaustion_probe_of() tells events */
	/*
	 * NULL, or what gather() is asked to mark, for port_marks.h. The caller owns it, and may
	 * change it between two gatherings.
	 */
	const struct marks_asked *marks;
	/* Set by gatherer_new(), where others' namespaces are looked at. */
	const struct address_owners *addresses;
	/* NULL, or what lists these ports instead of the source. The caller owns it. */
	struct bind_buckets *bind_buckets;
	/* NULL: only ours; else all, if the source walks. */
	const struct namespaces_options *namespaces;
};

#define NETNS_ASKED_NAME 324 /* room for a name of /run/netns, or NAMESPACE/POD of Kubernetes */

struct netns;

/* A network namespace whose views a gathering is asked for. */
struct netns_asked {
	char name[NETNS_ASKED_NAME]; /* as namespaces_match() takes it */
	struct ports_asked ports;    /* for VIEW_PORT */
	/* What it is, set by gather(), valid until the next one. NULL: there is none, or several */
	const struct netns *found;
};

struct gatherer;

/*
 * Creates the enabled collectors. What options points to must outlive the gatherer; source
 * becomes its own. Returns 0 or -errno; then source is still the caller's.
 */
int gatherer_new(
    const struct gatherer_options *options, struct source *source, struct gatherer **ret_gatherer);

/* The same, with a source that it opens. */
int gatherer_open(const struct gatherer_options *options,
    const struct source_options *source_options, struct gatherer **ret_gatherer);

void gatherer_free(struct gatherer *gatherer); /* NULL is fine */

/*
 * Runs the collectors of asked (those not enabled are left out) and adds what they found
 * to set, which may be NULL where none of them emits. should_stop, where not NULL, is asked now
 * and then.
 *
 * Returns 0 even if collectors failed: gathering says which. Returns -ECANCELED if should_stop said
 * so, and leaves the set as it was.
 */
int gather(struct gatherer *gatherer, collector_set asked, bool (*should_stop)(void *context),
    void *context, struct metric_set *set, struct gathering *ret_gathering);

/*
 * With all namespaces: what the next gather() finds besides. Those namespaces have all views, each
 * with a state of its own: netns_view(). The list must outlive the next gather(), and is forgotten
 * then.
 */
void gatherer_ask(struct gatherer *gatherer, struct netns_asked *list, size_t length);

/* The state of the collector at i, as its init made it; NULL where that is not enabled. */
void *gatherer_state(const struct gatherer *gatherer, size_t i);

/* All network namespaces, see namespaces.h; NULL: only ours is looked at. */
struct namespaces;
struct namespaces *gatherer_namespaces(const struct gatherer *gatherer);

/*
 * What the collector at i will fail for at every gathering, because of what it lacked when it
 * was made, such as a right: 0 where there is nothing, or it is not enabled; or -errno, and in
 * *ret_reason why, in words, static.
 */
int gatherer_check(const struct gatherer *gatherer, size_t i, const char **ret_reason);

/* Why the collector at i leaves a part out at every gathering, a static string; NULL: it does not.
 */
const char *gatherer_lacks(const struct gatherer *gatherer, size_t i);

/* What the collector at i has to say although nothing fails: a static string, or NULL. */
const char *gatherer_remark(const struct gatherer *gatherer, size_t i);

/*
 * With all namespaces: the parts of node_view.h, before the first gathering. Returns 0; -EOPNOTSUPP
 * without; or as source_list().
 */
int gatherer_view(struct gatherer *gatherer, unsigned *ret_parts);

const struct source *gatherer_source(const struct gatherer *gatherer);

/*
 * The names of cgroups, which all its collectors share. Only for the thread that gathers; paths are
 * valid until the next gathering.
 */
struct cgroups *gatherer_cgroups(const struct gatherer *gatherer);

/* The same of pods. */
struct pods *gatherer_pods(const struct gatherer *gatherer);

/*
 * Whether a gathering would work: the settings read, and the kernel lists binds. Touches
 * no state, so any thread may ask while another gathers. Returns 0 or -errno.
 */
int gather_probe(const char *procfs, const struct source_options *options);

#endif
