/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_DESTINATION_ORDER_H
#define EPHEMERA_UNIT_DESTINATION_ORDER_H

/* An order of destinations by their keys, which is not the one of destination.c. */

#include <string.h>

#include "collectors/tables/destination.h"

/* For qsort(), too: of two structs that begin with a destination. */
static inline int order_key(const void *first, const void *second)
{
	const struct destination *a = first;
	const struct destination *b = second;
	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (!order)
		order = memcmp(&a->source, &b->source, sizeof(a->source));
	if (!order)
		order = (int)a->port - (int)b->port;
	return order ? order : (int)a->interface - (int)b->interface;
}

#endif
