/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ADVICE_H
#define EPHEMERA_PORT_ADVICE_H

/* What keeps connect() from the ports of services: one command for all of them. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/*
 * Adds the command that keeps connect() from ports, besides what is reserved already: a line, or,
 * where the kernel would not take all of it in one write, several, each of which adds to what is
 * reserved. They end in no new line. Returns false, with nothing added, where connect() can take
 * none of the ports.
 */
bool port_advice_add_command(
    struct text *text, const struct settings *settings, const struct portset *ports);

struct port_advice {
	/*
	 * Ports of services that a connection can take while they are down, or has taken to itself;
	 * empty: no advice.
	 */
	struct portset ports;
	unsigned left; /* ports of the range that connect() has once they are reserved */
};

/*
 * Finds out which of the asked for ports are to be reserved. Commands for one port each would undo
 * each other, since the setting is one list: ask once for all that are shown together.
 */
void port_advice_find(
    const struct port_lookup *lookup, const struct portset *asked, struct port_advice *ret_advice);

/*
 * Adds the command for advice. Returns false, with nothing added, where there is nothing to
 * reserve, or connect() would have no port left.
 */
bool port_advice_add(
    struct text *text, const struct settings *settings, const struct port_advice *advice);

/* The same for people: prints a blank line, why, and the command. Nothing where nothing is advised.
 */
void port_advice_print(const struct settings *settings, const struct port_advice *advice);

#endif
