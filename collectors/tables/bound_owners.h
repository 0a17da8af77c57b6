/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BOUND_OWNERS_H
#define EPHEMERA_BOUND_OWNERS_H

/*
 * The owners of the ports that bind() keeps from every connect(), as facts_count_bound() counts
 * them. Each port counts once, for the cgroup of the first socket on it that has one. A socket that
 * got the port by bind() looks the same as one that only shares it, such as an accepted one; but
 * listeners and idle binds come first in a walk.
 */

#include "collectors/kernel/holders.h"
#include "collectors/tables/owner_names.h"

struct bound_owners;

/*
 * facts: of the walks to come. Both must outlive the result. NULL: out of memory.
 */
struct bound_owners *bound_owners_new(struct cgroups *cgroups, const struct facts *facts);
void bound_owners_free(struct bound_owners *owners); /* NULL is fine */

/* Forgets all. */
void bound_owners_reset(struct bound_owners *owners);

/* Call it for every TCP socket, listening and bound-only ones first. Returns 0 or -ENOMEM. */
int bound_owners_observe(struct bound_owners *owners, const struct socket *socket);

/* The result. The sum of all ports is that of facts_count_bound(). */
struct bound_owned {
	struct bound_ports ports;
	unsigned long other;	  /* of cgroups that are not listed, as there are too many */
	unsigned long unowned;	  /* of no cgroup: mostly TIME_WAIT */
	struct owner_name *names; /* the most first; free it with owner_names_free() */
	size_t length;
};

/* Call it after the walk. Returns 0 or -ENOMEM. */
int bound_owners_list(struct bound_owners *owners, struct bound_owned *ret_owned);

#endif
