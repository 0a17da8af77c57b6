/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_FINDING_H
#define EPHEMERA_PORT_FINDING_H

/* A lookup in progress. port_lookup.c and its parts use it, and port_there.c. */

#include "collectors/kernel/bind_buckets.h"
#include "collectors/views/port_lookup.h"

/* One lookup in progress. */
struct finding {
	const struct port_lookup_options *options;
	const struct portset *ports;
	struct source *source;
	struct port_lookup *lookup;
	size_t kept;
	uint64_t begun_ns;	      /* of the options' starts: the listings came later */
	struct buckets_found buckets; /* of TCP; of a walk, only the ports that bind() holds */
	bool has_buckets;	      /* they were listed */
	bool has_walked;	      /* sockets tell themselves what of the buckets is missing */
	uint32_t place[PORTS];	      /* index of a port's answer, plus one; 0: none yet */
	/* Bits of the chosen listings that may have one of a port's sockets, kept or not. */
	unsigned char listed[PORTS];
};

/* The batch of struct source_observer: calls should_stop of the options. */
int port_finding_batch(void *context);

static inline void port_finding_raise(struct port_answer *answer, enum port_state state)
{
	if (state > answer->state)
		answer->state = state;
}

/*
 * Notes a socket that has one of the ports, or listens. context: the finding. Listeners come before
 * all others. Returns 0 or -ENOMEM.
 */
int port_finding_observe(void *context, const struct socket *socket);

/* Notes that bind() got the local port of that socket by number; call it after the former. */
void port_finding_note_chosen(struct finding *finding, const struct socket *socket);

/* Whether it is known of such a socket if bind() got its port by number. */
bool port_finding_knows_choice(const struct socket *socket);

/* Says what the sockets mean, and sorts the answers: the last step before owners. */
void port_finding_judge(struct finding *finding);

/* Finds the ports that bind() holds, if BPF is permitted; and by a walk what else only that tells
 * of the answers' sockets. Returns 0 or -errno. */
int port_finding_list_buckets(struct finding *finding);

/* The same by a walk: for sockets on the host, whether or not they are asked for. */
int port_finding_walk(struct finding *finding);

/* Sets the exact age of connections whose begin is known; call it after the former. */
void port_finding_tell_ages(struct finding *finding);

/* Sets the lookup's held; call it after the former. Returns 0 or -errno. */
int port_finding_list_held(struct finding *finding);

/* Sets is_bound of the answer's sockets from the buckets. */
void port_finding_judge_bound(const struct finding *finding, struct port_answer *answer);

#endif
