/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_HOLDERS_H
#define EPHEMERA_PORT_HOLDERS_H

/* Whether it is known which processes have a socket open. */

#include "collectors/views/port_lookup.h"

/* What became of the search for the processes that have a socket open. */
enum port_holders {
	PORT_HOLDERS_FOUND,
	PORT_HOLDERS_UNKNOWN,	/* not found, and some processes could not be looked at */
	PORT_HOLDERS_ELSEWHERE, /* not found, though all were looked at */
	PORT_HOLDERS_NONE,	/* no process can have it */
};

enum port_holders port_holders_of(
    const struct port_lookup *lookup, const struct port_socket *found);
const char *port_holders_name(enum port_holders holders);

/* Whether those that were found are all there are. */
bool port_holders_complete(const struct port_lookup *lookup);

#endif
