// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination.h"

#include <string.h>

struct destination destination_of(const struct socket *socket)
{
	return (struct destination){
	    .family = socket->family,
	    .port = socket->remote_port,
	    .interface = socket->interface,
	    .source = socket->local,
	    .address = socket->remote,
	};
}

int destination_compare_key(const struct destination *a, const struct destination *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;

	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (order == 0 && a->port != b->port)
		order = a->port < b->port ? -1 : 1;
	if (order == 0)
		order = memcmp(&a->source, &b->source, sizeof(a->source));
	if (order == 0 && a->interface != b->interface)
		order = a->interface < b->interface ? -1 : 1;
	return order;
}

bool destination_same(const struct destination *a, const struct destination *b)
{
	return destination_compare_key(a, b) == 0;
}

int destination_compare(const struct destination *a, const struct destination *b)
{
	const unsigned used_a = destination_used(a);
	const unsigned used_b = destination_used(b);

	if (used_a != used_b)
		return used_a > used_b ? -1 : 1;
	return destination_compare_key(a, b);
}

void destination_source_format(
    const struct destination *destination, char text[static SOCKET_ADDRESS_TEXT])
{
	if (socket_address_is_link_local(&destination->address, destination->family))
		socket_address_format(
		    &destination->source, destination->family, destination->interface, text);
	else
		socket_bound_format(
		    &destination->source, destination->family, destination->interface, text);
}
