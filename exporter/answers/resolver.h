/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RESOLVER_H
#define EPHEMERA_RESOLVER_H

/*
 * The names of many addresses in a bounded time, even where DNS is dead: getnameinfo() alone takes
 * 10 s for each address then, and cannot be stopped. The lookups are made in child processes, which
 * are ended when time is up: no thread, no socket and no memory of theirs is left behind.
 */

#include "collectors/kernel/socket.h"

#define RESOLVER_NAME_SIZE 256

struct resolver_address {
	struct socket_address address;
	enum socket_family family;
	uint32_t interface; /* a link-local address's zone, or 0 */
};

struct resolver; /* what was found */

/*
 * Looks up the names of the addresses, each different one once; for a process with one thread. It
 * returns when all are answered, at the latest after that many milliseconds. Returns 0 or -errno;
 * the caller frees what was found with resolver_free().
 */
int resolver_run(const struct resolver_address *addresses, size_t length, int milliseconds,
    struct resolver **ret_resolver);
void resolver_free(struct resolver *resolver); /* NULL is fine */

/*
 * The name of the address at that index of the list, fit to be printed; an empty string where it
 * has none or none was found in time. It lives as long as resolver does.
 */
const char *resolver_name(const struct resolver *resolver, size_t index);

/* How many different addresses there were, and of those, how many the resolver did not answer for.
 */
size_t resolver_addresses(const struct resolver *resolver);
size_t resolver_unanswered(const struct resolver *resolver);

#endif
