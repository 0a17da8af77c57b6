/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_ALL_H
#define EPHEMERA_PORT_ALL_H

/* `ephemera port --namespace=all`: what is on these ports, in any namespace of the host. */

#include <stdbool.h>

#include "collectors/views/namespace_rows.h"
#include "exporter/commands/options.h"

/*
 * Asks the namespace that this process is in now, prints the answer, and names row in JSON. Returns
 * 0 or -errno.
 */
typedef int port_ask(
    const struct options *options, const struct namespace_row *row, int *ret_status);

/*
 * Finds the namespaces that have a socket on the ports, by one walk, enters one after the other,
 * and calls ask there. Of one that cannot be entered it prints what the walk told. Returns 0, and
 * in ret_any whether there was any; or -errno, and in ret_reason why, or NULL.
 */
int port_all(struct options *options, port_ask *ask, bool *ret_any, const char **ret_reason);

#endif
