// SPDX-License-Identifier: Apache-2.0
#include "collectors/netns_addresses.h"

#include <string.h>

#include "collectors/address_owners.h"
#include "collectors/namespaces_state.h"

bool netns_addresses_have(const struct netns_addresses *addresses, enum socket_family family,
    const struct socket_address *address)
{
	for (size_t i = 0; i < addresses->length; i++)
		if (addresses->list[i].family == family &&
		    memcmp(&addresses->list[i].address, address, sizeof(*address)) == 0)
			return true;
	return false;
}

void netns_addresses_note(struct netns_addresses *addresses, const struct socket *socket)
{
	/* Any process can bind() to an address that is not its own, and few connect with one. */
	if (socket->protocol != SOCKET_TCP || socket->state != SOCKET_ESTABLISHED ||
	    addresses->length == NETNS_ADDRESSES ||
	    socket_address_is_link_local(&socket->local, socket->family) ||
	    socket_address_is_loopback(&socket->local, socket->family) ||
	    netns_addresses_have(addresses, socket->family, &socket->local))
		return;
	addresses->list[addresses->length].address = socket->local;
	addresses->list[addresses->length++].family = socket->family;
}

static bool is_same_pod(const struct netns_labels *first, const struct netns_labels *second)
{
	return first->pod_uid && second->pod_uid && strcmp(first->pod_uid, second->pod_uid) == 0;
}

void namespaces_find_owner(const void *context, enum socket_family family,
    const struct socket_address *address, struct address_owner *ret_owner)
{
	const struct namespaces *namespaces = context;
	const struct netns_labels *found = NULL;

	*ret_owner = (struct address_owner){NULL, NULL};
	for (size_t i = 0; i < namespaces->length; i++) {
		const struct netns *netns = namespaces->list[i];

		if (!netns_addresses_have(&netns->addresses, family, address))
			continue;
		/* Networks of containers may have the same addresses. */
		if (found && !is_same_pod(found, &netns->labels))
			return;
		found = &netns->labels;
	}
	if (found)
		*ret_owner = (struct address_owner){found->namespace_name, found->pod};
}
