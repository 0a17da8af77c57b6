/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTION_UNKNOWN_H
#define EPHEMERA_OPTION_UNKNOWN_H

/*
 * What is said of a flag or a command that is not known: with the one that was meant, if one is
 * alike. Each returns -EINVAL, and in error what is wrong.
 */

#include "exporter/commands/options.h"

/* name: without its dashes. */
int option_unknown_flag(
    const struct command *command, const char *name, char error[static OPTIONS_ERROR_SIZE]);

/* A flag of other commands: names them. */
int option_other_flag(
    const struct command *command, const char *name, char error[static OPTIONS_ERROR_SIZE]);

int option_unknown_command(const char *name, char error[static OPTIONS_ERROR_SIZE]);

#endif
