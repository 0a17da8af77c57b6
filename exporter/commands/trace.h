/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_H
#define EPHEMERA_TRACE_H

/* `ephemera trace`: each call that finds no port, as it happens, until Ctrl-C sums up. */

#include "exporter/commands/options.h"

/* Prints to standard output. Returns the exit status. */
int run_trace(const struct options *options);

#endif
