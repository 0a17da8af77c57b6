/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ADVICE_H
#define EPHEMERA_PORT_ADVICE_H

/* The command that keeps connect() off the ports of services: one for all of them. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/*
 * Adds the command that reserves ports, and keeps those already reserved. It is one line; or, if
 * the kernel does not accept that in one write, several that each add ports. There is no newline at
 * the end. Returns false and adds nothing if connect() can take none of the ports.
 */
bool port_advice_add_command(
    struct text *text, const struct settings *settings, const struct portset *ports);

struct port_advice {
	/*
	 * Ports of services that a connection can take while they are down, or that a connection to
	 * itself has taken; empty: no advice.
	 */
	struct portset ports;
	unsigned left; /* ports that connect() still has in the range once they are reserved */
};

/*
 * Finds which of the asked ports should be reserved. The setting is one list, so commands for
 * single ports would undo each other: call it once for all ports that are shown together.
 */
void port_advice_find(
    const struct port_lookup *lookup, const struct portset *asked, struct port_advice *ret_advice);

/*
 * Adds the command for advice. Returns false and adds nothing if there is nothing to reserve, or if
 * connect() would have no port left.
 */
bool port_advice_add(
    struct text *text, const struct settings *settings, const struct port_advice *advice);

/* The same for people: prints a blank line, the reason and the command, if there is advice. */
void port_advice_print(const struct settings *settings, const struct port_advice *advice);

#endif
