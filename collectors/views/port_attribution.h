/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ATTRIBUTION_H
#define EPHEMERA_PORT_ATTRIBUTION_H

/* The owners of the sockets of a lookup: their processes and the paths of their cgroups. */

#include "collectors/kernel/cgroups.h"
#include "collectors/views/port_lookup.h"

/*
 * Sets processes and cgroups of a lookup that kept `kept` sockets. Leaves out what the host does
 * not have or hides from us. Returns 0 or -ENOMEM.
 */
int port_lookup_attribute(
    const struct port_lookup_options *options, size_t kept, struct port_lookup *lookup);

/* Sets the cgroups alone. Returns the same. */
int port_lookup_name_cgroups(size_t kept, struct cgroups *cgroups, struct port_lookup *lookup);

#endif
