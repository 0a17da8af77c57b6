/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BOUND_OWNERS_H
#define EPHEMERA_BOUND_OWNERS_H

/*
 * Whose the ports are that every connect() has lost to a bind(): what facts_count_bound() counts,
 * each port once, under the cgroup of the first socket on it that has one. A socket that a port
 * came to by bind() and one that only shares it, such as an accepted one, cannot be told apart, but
 * listeners and idle binds come first in a walk.
 */

#include "collectors/kernel/holders.h"
#include "collectors/tables/owner_names.h"

struct bound_owners;

/*
 * sysfs as cgroups_new() takes it; facts of the walks to come; both outlive what is returned. NULL:
 * out of memory.
 */
struct bound_owners *bound_owners_new(const char *sysfs, const struct facts *facts);
void bound_owners_free(struct bound_owners *owners); /* NULL is fine */

/* Forgets all. */
void bound_owners_reset(struct bound_owners *owners);

/* Wants every TCP socket, those that listen or are only bound first. Returns 0 or -ENOMEM. */
int bound_owners_observe(struct bound_owners *owners, const struct socket *socket);

/* What the ports come to: all of them are those of facts_count_bound(). */
struct bound_owned {
	struct bound_ports ports;
	unsigned long other;   /* of cgroups that are not listed, a million of them being there */
	unsigned long unowned; /* of no cgroup: TIME_WAIT above all */
	struct owner_name *names; /* the most first; owner_names_free() */
	size_t length;
};

/* After the walk. Returns 0 or -ENOMEM. */
int bound_owners_list(struct bound_owners *owners, struct bound_owned *ret_owned);

#endif
