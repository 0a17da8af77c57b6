/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_HOLDER_H
#define EPHEMERA_PORT_HOLDER_H

/* Who has a socket, in a part of a line: process, peer and cgroup. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/*
 * Adds "curl (pid 26208), tcp established 10.0.0.4:46580 -> 192.0.2.7:443, cgroup
 * /system.slice/...". Everything in it is printable.
 */
void port_holder_add(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found);

#endif
