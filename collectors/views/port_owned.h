/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_OWNED_H
#define EPHEMERA_PORT_OWNED_H

/* What somebody has on the ports that were looked up. */

#include "collectors/views/owner_filter.h"
#include "collectors/views/port_lookup.h"

/*
 * Drops the sockets that none of these owners has; they count as not asked for. So do sockets that
 * the lookup has not kept: unsearched of the lookup says how many, since nobody knows whose they
 * are.
 */
void port_lookup_keep_owned(struct port_lookup *lookup, const struct owner_filter *owners);

#endif
