/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_SNAT_CHANGES_H
#define EPHEMERA_PORT_SNAT_CHANGES_H

/* What changed from one look to the next of the connections to which source NAT gave the ports. */

#include "collectors/views/port_snat.h"

/* Either may be NULL: none. */
bool port_snat_has_changed(const struct port_snat *before, const struct port_snat *after);

/*
 * Prints at most limit changes with the time of now, and how many it left out. Of more connections
 * than are kept, prints their number alone.
 */
void port_snat_changes_print(
    const struct port_snat *before, const struct port_snat *after, size_t limit);

#endif
