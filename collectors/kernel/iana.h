/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_IANA_H
#define EPHEMERA_IANA_H

/* IANA's three ranges of ports (RFC 6335, section 6): system, registered and dynamic. */

#include "collectors/kernel/portset.h"

#define IANA_FIRST_REGISTERED 1024
#define IANA_FIRST_DYNAMIC 49152

/* How many ports of the range are dynamic. */
static inline unsigned iana_ports_dynamic(struct port_range range)
{
	if (range.first < IANA_FIRST_DYNAMIC)
		range.first = IANA_FIRST_DYNAMIC;
	return range.last < range.first ? 0 : port_range_size(range);
}

#endif
