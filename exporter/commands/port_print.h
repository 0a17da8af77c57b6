/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_PRINT_H
#define EPHEMERA_PORT_PRINT_H

/* The answer of `ephemera port`, for people or as JSON. */

#include "collectors/views/namespace_rows.h"
#include "collectors/views/port_lookup.h"
#include "exporter/commands/options.h"

/*
 * Prints what is on options->ports. row: the namespace that it is of; NULL: that was not asked.
 * Returns 0 or -errno.
 */
int port_print(const struct port_lookup *lookup, const struct options *options,
    const struct namespace_row *row);

#endif
