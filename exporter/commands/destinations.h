/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATIONS_COMMAND_H
#define EPHEMERA_DESTINATIONS_COMMAND_H

/* `ephemera destinations`: the fullest destinations, as a table for people. */

#include "exporter/commands/options.h"

/* Prints to standard output. Returns the exit status. */
int run_destinations(const struct options *options);

#endif
