// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/range_listener.h"

#include <string.h>

int range_listener_compare(const struct range_listener *a, const struct range_listener *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;

	const int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (order)
		return order;
	if (a->interface != b->interface)
		return a->interface < b->interface ? -1 : 1;
	return 0;
}

struct range_listener range_listener_of(const struct socket *socket)
{
	return (struct range_listener){
	    .protocol = socket->protocol,
	    .port = socket->local_port,
	    .family = socket->family,
	    .address = socket->local,
	    .interface = socket->interface,
	};
}
