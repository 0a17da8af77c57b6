/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_HOLDERS_H
#define EPHEMERA_PORT_HOLDERS_H

/* Whether it is known which processes have a socket open. */

#include "collectors/views/port_lookup.h"

/* The result of the search for the processes that have a socket open. */
enum port_holders {
	PORT_HOLDERS_FOUND,
	PORT_HOLDERS_UNKNOWN,	/* not found; some processes could not be read */
	PORT_HOLDERS_ELSEWHERE, /* not found, although all processes were read */
	PORT_HOLDERS_NONE,	/* no process can have it */
};

enum port_holders port_holders_of(
    const struct port_lookup *lookup, const struct port_socket *found);
/*
 * Whether the holders are unknown although the socket is of the user who asks: then its process may
 * not be read even by that user (PR_SET_DUMPABLE, or capabilities).
 */
bool port_holders_hide(const struct port_lookup *lookup, const struct port_socket *found);
const char *port_holders_name(enum port_holders holders);

/* Whether all processes were searched. */
bool port_holders_complete(const struct port_lookup *lookup);

#endif
