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

/* Why processes may be missing from those that were found, or that were not. */
enum port_holders_gap {
	PORT_HOLDERS_WHOLE,	    /* none is missing */
	PORT_HOLDERS_OTHER_CGROUPS, /* only those in the socket's cgroup were searched */
	PORT_HOLDERS_UNREADABLE,    /* some may not be read by this user */
	PORT_HOLDERS_OUT_OF_TIME,   /* the search ended before all were read */
	PORT_HOLDERS_TOO_MANY,	    /* more descriptors refer to sockets than are kept */
	PORT_HOLDERS_NOT_TOLD,	    /* the kernel's tables or a recording do not tell */
};

enum port_holders_gap port_holders_gap(
    const struct port_lookup *lookup, const struct port_socket *found);
/* For JSON. NULL: PORT_HOLDERS_WHOLE. */
const char *port_holders_gap_name(enum port_holders_gap gap);

#endif
