/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADVICE_RANGE_H
#define EPHEMERA_ADVICE_RANGE_H

/* Which ports to reserve for services, and how wide the range can be once they are. */

#include <stdbool.h>

#include "collectors/kernel/holders.h"

/*
 * The first port of the widest range that is advised. Below it are most registered ports that
 * services are known by, also of services that do not run now.
 */
#define ADVICE_FIRST_PORT 10240

struct advice_range {
	struct port_range range;  /* the widest */
	struct portset reserved;  /* ip_local_reserved_ports for it: all, with those of now */
	unsigned usable;	  /* ports that connect() can have towards one destination, now */
	unsigned usable_reserved; /* and in today's range, with `reserved` */
	unsigned usable_wide;	  /* and in the widest range, with `reserved` */
};

/* Ports of today's range that connect() could have if `reserved` were the reserved ones. */
unsigned advice_range_usable(const struct facts *facts, const struct portset *reserved);

/*
 * services: ports to keep for services, inside today's range or not; those below
 * ADVICE_FIRST_PORT do not matter.
 */
struct advice_range advice_range_find(const struct facts *facts, const struct portset *services);

#endif
