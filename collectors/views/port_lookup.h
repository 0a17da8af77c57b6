/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_LOOKUP_H
#define EPHEMERA_PORT_LOOKUP_H

/*
 * What is on these ports: the sockets that have one of them at either end, what each is to
 * the port, and which processes have it open.
 */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/processes.h"
#include "collectors/kernel/settings.h"
#include "collectors/kernel/source.h"
#include "collectors/views/port_state.h"

struct port_lookup_options {
	const struct source_options *source; /* of a replay, no process is looked for */
	const char *sysfs;
	size_t limit;  /* sockets kept of each port and side, 1 or more; all are counted */
	bool everyone; /* this one and the next: see struct process_search_options */
	double search_seconds;
	bool (*should_stop)(void *context); /* asked now and then; may be NULL */
	void *context;
};

enum chosen { CHOSEN_UNKNOWN, CHOSEN_NO, CHOSEN_YES };

struct port_socket {
	struct socket socket;
	enum port_role role;
	enum chosen chosen;   /* whether bind() was given the local port by number */
	bool reusable;	      /* TIME_WAIT: connect() may take it over now */
	bool may_be_reusable; /* TIME_WAIT: nobody knows whether it may */
	/* TCP, neither LISTEN nor only bound: every connect() has lost the port to a bind(). */
	bool is_bound;
	const char *cgroup; /* the path of its cgroup, NULL: unknown; the lookup's */
};

struct port_side {
	unsigned long total;
	unsigned long time_wait; /* of these, how many are in TIME_WAIT */
	unsigned time_wait_ms;	 /* until the last of these is gone */
	size_t length;
	/* LISTEN, then bound, UDP without a peer, connections, TIME_WAIT; each by address */
	struct port_socket *list;
};

struct port_answer {
	uint16_t port;
	enum port_state state;
	bool has_lasting_listener; /* with a port of its choice, as far as is known */
	struct port_side local;	   /* sockets that have it as their local port */
	struct port_side remote;   /* sockets that have it as their remote port */
};

struct port_lookup {
	struct settings settings;
	enum source_kind
	    source[SOCKET_PROTOCOLS]; /* what sockets were read from; AUTO: sock_diag */
	bool bound_unseen;	      /* it shows no TCP socket that only called bind() */
	struct portset listen;	      /* TCP: somebody listens, on whatever port */
	bool sees_buckets;	      /* is_bound is known, and true where it has to be */
	/* TCP: held by whatever bind(); known where a free port of the range was asked for. */
	struct portset held;
	struct process_search *processes; /* NULL: not looked for */
	unsigned empty;			  /* of the ports asked for, how many have no socket */
	size_t length;
	struct port_answer *answers; /* of those that have, in the order of the ports */
	char **cgroups;
	size_t cgroups_length;
};

/*
 * Returns 0, -ECANCELED where should_stop said so, or the kernel's -errno. The caller frees it with
 * port_lookup_free().
 */
int port_lookup_run(const struct port_lookup_options *options, const struct portset *ports,
    struct port_lookup **ret_lookup);
void port_lookup_free(struct port_lookup *lookup); /* NULL is fine */

/* The answer for one of the ports asked for, be there something or not. */
struct port_answer port_lookup_answer(const struct port_lookup *lookup, uint16_t port);

#endif
