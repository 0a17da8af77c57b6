/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_AT_H
#define EPHEMERA_PORT_AT_H

#include "exporter/commands/options.h"

/* The exit status of `ephemera port`. */
enum { EXIT_SOMETHING, EXIT_NOTHING, EXIT_ERROR };

/*
 * `ephemera port PORT --at=TIME --leases=FILE`: who had the port then, from the lines of
 * `ephemera trace --leases --json`. Returns the exit status.
 */
int port_at(const struct options *options);

/* Checks --at and --leases. Returns 0; or -EINVAL, and in error what is wrong. */
int port_at_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE]);

#endif
