/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_COMMAND_H
#define EPHEMERA_PORT_COMMAND_H

/* `ephemera port`: what is on these ports. */

#include "exporter/commands/options.h"

/* Prints to standard output. Returns the exit status: 0 something, 1 nothing, 2 an error. */
int run_port(const struct options *options);

#endif
