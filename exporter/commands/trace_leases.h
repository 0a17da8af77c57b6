/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_LEASES_H
#define EPHEMERA_TRACE_LEASES_H

#include "exporter/commands/options.h"

/*
 * `ephemera trace --leases`: prints each lease of a port as it ends, until Ctrl-C sums up. Returns
 * the exit status.
 */
int trace_leases(const struct options *options);

#endif
