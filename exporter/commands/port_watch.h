/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_WATCH_H
#define EPHEMERA_PORT_WATCH_H

/* `ephemera port --watch`: what is on the ports, then each change, every second. */

#include "collectors/views/port_lookup.h"
#include "exporter/commands/options.h"

/* Looks up options->ports. limit: sockets kept of each port and side. As port_lookup_run(). */
typedef int port_look(const struct options *options, size_t limit, struct port_lookup **ret_lookup);

/*
 * Looks until Ctrl-C. Returns 0, and in ret_any whether anything was on the ports at the last look;
 * or -errno.
 */
int port_watch(const struct options *options, port_look *look, bool *ret_any);

#endif
