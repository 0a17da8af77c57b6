/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_LOOKUP_H
#define EPHEMERA_PORT_LOOKUP_H

/*
 * What is on these ports: the sockets that have one of them at either end, the role of each, and
 * the processes that have it open.
 */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/lease_starts.h"
#include "collectors/kernel/processes.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/source.h"
#include "collectors/views/port_asked.h"
#include "collectors/views/port_snat.h"
#include "collectors/views/port_state.h"

struct port_lookup_options {
	const struct source_options *source; /* for a replay, processes are not searched */
	const char *sysfs;
	/* NULL, or when connections began; not for a replay, whose sockets are not this host's */
	const struct lease_starts *starts;
	const struct port_asked *asked; /* the sockets that are counted and kept; NULL: all */
	size_t limit;	   /* sockets kept for each port and side, at least 1; all are counted */
	bool local_only;   /* only sockets that have one of the ports as their local port */
	bool is_elsewhere; /* it is about another network namespace than people think they are in */
	bool everyone;	   /* this and the next one: see struct process_search_options */
	double search_seconds;
	bool (*should_stop)(void *context); /* called now and then; may be NULL */
	void *context;
};

enum chosen { CHOSEN_UNKNOWN, CHOSEN_NO, CHOSEN_YES };

struct port_socket {
	struct socket socket;
	enum port_role role;
	enum chosen chosen;   /* whether bind() got the local port by number */
	bool reusable;	      /* TIME_WAIT: connect() may take it over now */
	bool may_be_reusable; /* TIME_WAIT: it is not known whether connect() may */
	/* TCP, neither LISTEN nor bound-only: bind() keeps the port from every connect(). */
	bool is_bound;
	bool inode_is_unknown; /* what is 0 says nothing */
	const char *cgroup;    /* the path of its cgroup; NULL: unknown; the lookup owns it */
};

struct port_side {
	unsigned long total;
	unsigned long others;	 /* not in total: they were not asked for */
	unsigned long time_wait; /* those in TIME_WAIT */
	unsigned time_wait_ms;	 /* until the last of these is gone */
	size_t length;
	/* LISTEN, then bound, UDP without a peer, connections, TIME_WAIT; each by address */
	struct port_socket *list;
};

struct port_answer {
	uint16_t port;
	enum port_state state;
	bool has_lasting_listener; /* one that chose its port, as far as is known */
	struct port_side local;	   /* sockets that have it as their local port */
	struct port_side remote;   /* sockets that have it as their remote port */
};

struct port_lookup {
	struct settings settings;
	bool is_elsewhere;			   /* see struct port_lookup_options */
	enum source_kind source[SOCKET_PROTOCOLS]; /* the source of the sockets; AUTO: sock_diag */
	bool bound_unseen;     /* it does not show TCP sockets that only called bind() */
	struct portset listen; /* TCP: all ports with a listener */
	bool sees_buckets;     /* is_bound is known */
	/* TCP: held by any bind(). Known if one of the asked ports in the range is free. */
	struct portset held;
	struct process_search *processes; /* NULL: not searched */
	struct port_snat *snat;		  /* NULL: not looked at; see port_lookup_take_snat() */
	unsigned long snat_left_out; /* its connections, where owners are asked for: it has none */
	unsigned empty;		     /* how many of the asked ports have nothing asked for */
	unsigned long unsearched;    /* see port_lookup_keep_owned() */
	size_t length;
	struct port_answer *answers; /* for the ports with sockets, sorted by port */
	char **cgroups;
	size_t cgroups_length;
	double seconds; /* that the look took */
};

/*
 * Returns 0, -ECANCELED if should_stop said so, or the kernel's -errno. The caller frees the lookup
 * with port_lookup_free().
 */
int port_lookup_run(const struct port_lookup_options *options, const struct portset *ports,
    struct port_lookup **ret_lookup);
/* Adds what source NAT has given the ports to. The lookup owns it from then on. */
void port_lookup_take_snat(
    struct port_lookup *lookup, const struct portset *ports, struct port_snat *snat);
/* Whether any socket, or connection of source NAT, was found that is asked for. */
bool port_lookup_has_any(const struct port_lookup *lookup);
void port_lookup_free(struct port_lookup *lookup); /* NULL is fine */

/* The answer for one of the asked ports, with sockets or without. */
struct port_answer port_lookup_answer(const struct port_lookup *lookup, uint16_t port);

#endif
