/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADDRESS_OWNERS_H
#define EPHEMERA_ADDRESS_OWNERS_H

/*
 * Which pod has an address, of the pods whose network namespaces are looked at: what other hosts,
 * and source NAT on this one, know them by.
 */

#include "collectors/kernel/socket.h"

/* NULL: not known. The texts are valid until the next gathering. */
struct address_owner {
	const char *namespace_name; /* in Kubernetes */
	const char *pod;
};

struct address_owners {
	/* ret_owner: both NULL if no pod is known for it, or several have it. */
	void (*find)(const void *context, enum socket_family family,
	    const struct socket_address *address, struct address_owner *ret_owner);
	const void *context;
};

#endif
