/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ONELINE_H
#define EPHEMERA_PORT_ONELINE_H

/* A line for each socket of a port, for grep and cut. */

#include "collectors/views/port_lookup.h"

/*
 * Prints at most limit sockets of each side. The columns have tabs between them: port, protocol,
 * state, local and remote address and port, processes, cgroup. "-": there is none; "?": it is not
 * known. All of it is printable. Returns 0 or -ENOMEM.
 */
int port_oneline_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit);

/*
 * The same for connections to which source NAT has given the port: the state is snat or
 * snat-closing, the client has the place of processes.
 */
int port_oneline_print_snat(const struct port_snat *snat, uint16_t port, size_t limit);

#endif
