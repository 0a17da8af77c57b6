/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COLLECTOR_H
#define EPHEMERA_COLLECTOR_H

/*
 * A collector is a fold over the sockets of a namespace: reset, begin, observe each socket, emit
 * the answer. It keeps the answer, not the sockets, so its memory does not grow with them. It knows
 * no HTTP and no text format.
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/address_owners.h"
#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/holders.h"
#include "collectors/kernel/peer_filter.h"
#include "collectors/kernel/pods.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"
#include "collectors/marks_asked.h"
#include "collectors/metric.h"

/* What a collector needs. If it is not available, only this collector fails. */
enum collector_needs {
	NEEDS_SETTINGS = 1 << 0,   /* facts.settings */
	NEEDS_BINDS = 1 << 1,	   /* facts.holders' listen and bound; LISTEN, bound sockets */
	NEEDS_CHOSEN = 1 << 2,	   /* facts.holders' connected, facts.usable and capacity */
	NEEDS_UDP_CHOSEN = 1 << 3, /* to observe UDP sockets whose port was chosen by number */
	NEEDS_TCP = 1 << 4,	   /* to observe every other TCP socket */
	NEEDS_UDP = 1 << 5,	   /* to observe every UDP socket */
	NEEDS_LISTEN = 1 << 6,	   /* to observe only LISTEN sockets, which needs no walk */
};

/* Kernel features that not every host has and collectors use, or'ed. */
enum kernel_feature {
	FEATURE_BIND_BEFORE_CONNECT = 1 << 0,  /* bind(src, 0), then connect(): bind_buckets.h */
	FEATURE_PORT_EXHAUSTION = 1 << 1,      /* exhaustion_probe.h */
	FEATURE_BIND_PORT_EXHAUSTION = 1 << 2, /* its counts_binds */
	FEATURE_CGROUP_OWNERS = 1 << 3,	       /* cgroups of sockets, and their names */
	FEATURE_TIME_WAIT_REUSE = 1 << 4,      /* which TIME_WAIT had timestamps: stamps.h */
	FEATURE_BIND_CONFLICTS = 1 << 5,       /* exhaustion_probe.h, if it counts_binds */
	FEATURE_SNAT_LOST_PACKETS = 1 << 6,    /* snat_lost_probe.h */
};

/*
 * A flag of a collector: a whole number, --collector.COLLECTOR.NAME=N; ports,
 * --collector.COLLECTOR.NAME=FIRST-LAST, whose number is collector_ports(); or a switch,
 * --[no-]collector.COLLECTOR.NAME, whose number is 1 or 0, or initial if it is not given. Ports
 * that have a by_default are 0 if they are not given.
 */
struct collector_flag {
	const char *name;
	const char *help;
	unsigned long initial;
	unsigned long minimum;
	unsigned long maximum;
	/* Of a switch, and of ports that depend on the host: what holds if it is not given. */
	const char *by_default;
	bool is_ports; /* its minimum and maximum do not matter */
};

static inline unsigned long collector_ports(struct port_range range)
{
	return (unsigned long)range.first << 16 | range.last;
}

static inline struct port_range collector_ports_of(unsigned long value)
{
	return (struct port_range){(uint16_t)(value >> 16), (uint16_t)value};
}

#define COLLECTOR_FLAGS_MAX 8

/* What a collector may do at each scrape that not every user may, or'ed. */
enum collector_right {
	RIGHT_NET_ADMIN = 1 << 0, /* CAP_NET_ADMIN, to ask netfilter by netlink */
};

/* Ports that are asked for of one network namespace. */
struct ports_asked {
	struct portset ports;
	size_t limit; /* of sockets that are kept of each port and side */
};

struct collector_config {
	const unsigned long *values; /* of the flags, in their order */
	const char *procfs;	 /* such as "/proc"; NULL: of another network namespace than ours */
	struct cgroups *cgroups; /* their names, one for all collectors of a gatherer */
	struct pods *pods;	 /* the same of pods: see owner_labels.h */
	/*
	 * Of the scrape in progress: its settings are there from begin on, what comes of the binds
	 * when the first connected socket is observed.
	 */
	const struct facts *facts;
	const struct peer_filter *peers; /* as in struct gatherer_options, as are the next two */
	bool lease_starts;
	bool failure_events;
	bool all_namespaces; /* others are looked at, too: emit_elsewhere() */
	/* Of a namespace that is asked for (gatherer_ask()), from begin on; else NULL. */
	const struct ports_asked *ports;
	const struct marks_asked *marks; /* of the scrape in progress; NULL: there are never any */
	const struct address_owners *addresses; /* for emit; NULL: none is known */
};

struct collector {
	const char *name;
	const char *help; /* one line, for --help */
	const char *cost; /* what a scrape of it reads, walks and keeps, for docs/metrics.md */
	bool on_by_default;
	unsigned needs;				     /* enum collector_needs, or'ed */
	const struct metric_family *const *families; /* all it may emit; NULL ends them */
	const struct collector_flag *flags;	     /* NULL, or ended by one without a name */

	size_t state_size; /* of its state, which is zeroed before init */
	/*
	 * NULL, or makes the state ready. What config points to outlives it. Returns 0 or -errno;
	 * release follows in any case.
	 */
	int (*init)(void *state, const struct collector_config *config);
	/*
	 * NULL, or forgets what it found. It comes before each begin, and when a scrape is over. So
	 * nothing is kept from one scrape to the next, except what the collector compares.
	 */
	void (*reset)(void *state);
	/* NULL, or starts a scrape: the facts' settings are there. Returns 0 or -errno. */
	int (*begin)(void *state);
	/* NULL: it observes no sockets. A -errno fails the collector, not the walk. */
	int (*observe)(void *state, const struct socket *socket);
	/*
	 * Gets the sockets of NEEDS_UDP_CHOSEN; they come again where NEEDS_UDP is asked for,
	 * too. NULL: observe gets them.
	 */
	int (*observe_chosen)(void *state, const struct socket *socket);
	/*
	 * NULL, or completes what was found when the walk is over, in a place that reset leaves
	 * alone: a view is asked for it later. Returns 0 or -errno.
	 */
	int (*finish)(void *state);
	/*
	 * NULL for a view. Adds its samples to the set; on -errno they are rolled back.
	 * -EOPNOTSUPP: this host has nothing of what the collector tells, which is a failure only
	 * where the user asked for the collector by name.
	 */
	int (*emit)(void *state, struct metric_set *set);
	/*
	 * NULL, or adds what it counted in another network namespace, by the id of struct
	 * walk_namespace: of a collector that counts in all, and so has no instance there. *kept is
	 * NULL at first, and then whatever it puts there, until the namespace is gone:
	 * release_elsewhere, which is not NULL then, frees it. Returns 0 or -errno.
	 */
	int (*emit_elsewhere)(
	    const void *state, uint32_t namespace_id, void **kept, struct metric_set *set);
	void (*release_elsewhere)(void *kept); /* NULL is fine */
	/*
	 * NULL, or what each scrape of it will fail for, known since init: 0, or -errno and
	 * in *ret_reason why, in words, static.
	 */
	int (*check)(const void *state, const char **ret_reason);
	/*
	 * NULL, or why a part of what it may emit is left out at each scrape, known since init: in
	 * words, static; NULL: nothing is.
	 */
	const char *(*lacks)(const void *state);
	/*
	 * NULL, or what whoever starts the exporter should know although nothing fails, known since
	 * init: a static string, or NULL.
	 */
	const char *(*remark)(const void *state);
	/* NULL, or the enum collector_right that these values of its flags keep after the start. */
	unsigned (*rights)(const unsigned long *values);
	/* NULL, or what the host lacks if begin or emit returns -EOPNOTSUPP: a static string. */
	const char *lacking;
	/* NULL, or the enum kernel_feature that it has; call it after a successful emit(). */
	unsigned (*features)(const void *state);
	void (*release)(void *state); /* NULL, or gives back what the state holds */
};

#endif
