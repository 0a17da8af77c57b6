/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NETNS_ADDRESSES_H
#define EPHEMERA_NETNS_ADDRESSES_H

/* By which addresses the sockets of a network namespace are known outside it. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/socket.h"

/* A pod has one of each family; a container on several networks has more. */
#define NETNS_ADDRESSES 4

struct netns_addresses {
	struct {
		struct socket_address address;
		enum socket_family family;
	} list[NETNS_ADDRESSES]; /* the first ones that were seen, as long as the namespace lives */
	size_t length;
};

/* Notes the own address of an established connection. What has no place is left out. */
void netns_addresses_note(struct netns_addresses *addresses, const struct socket *socket);

bool netns_addresses_have(const struct netns_addresses *addresses, enum socket_family family,
    const struct socket_address *address);

#endif
