/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ATTRIBUTION_H
#define EPHEMERA_PORT_ATTRIBUTION_H

/* Whose the sockets of a lookup are: their processes, and the names of their cgroups. */

#include "collectors/views/port_lookup.h"

/*
 * Fills in processes and cgroups of a lookup that has kept so many sockets. What a host does
 * not have, or hides from us, is left out. Returns 0 or -ENOMEM.
 */
int port_lookup_attribute(
    const struct port_lookup_options *options, size_t kept, struct port_lookup *lookup);

#endif
