/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RESOLVER_H
#define EPHEMERA_RESOLVER_H

/*
 * Finds the names of many addresses in a bounded time, even if DNS is down: getnameinfo() then
 * takes 10 s for each address, and cannot be stopped. Child processes make the lookups, and are
 * ended when time is up: they leave no thread, socket or memory behind.
 */

#include "collectors/kernel/socket.h"

#define RESOLVER_NAME_SIZE 256

struct resolver_address {
	struct socket_address address;
	enum socket_family family;
	uint32_t interface; /* a link-local address's zone, or 0 */
};

struct resolver; /* the names that were found */

/*
 * Looks up the names of the addresses, equal ones once. Waits until all are answered, at most
 * `milliseconds`. Only for a process with one thread. Returns 0 or -errno; the caller frees the
 * result with resolver_free().
 */
int resolver_run(const struct resolver_address *addresses, size_t length, int milliseconds,
    struct resolver **ret_resolver);
void resolver_free(struct resolver *resolver); /* NULL is fine */

/*
 * The name of the address at that index of the list, printable; empty if it has none or none was
 * found in time. resolver owns it.
 */
const char *resolver_name(const struct resolver *resolver, size_t index);

/* The number of different addresses, and how many of them got no answer. */
size_t resolver_addresses(const struct resolver *resolver);
size_t resolver_unanswered(const struct resolver *resolver);

#endif
