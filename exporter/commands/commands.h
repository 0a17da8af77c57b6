/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COMMANDS_H
#define EPHEMERA_COMMANDS_H

/*
 * The commands, each a struct in the file that runs it: reading, --help, the manual and the
 * shells' completions go by the list of them.
 */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/commands/options.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct command {
	const char *name;      /* NULL: where no command is given */
	const char *arguments; /* what follows it; NULL: nothing but flags */
	const char *help;
	bool takes_flags; /* more than --help and --version */
	/*
	 * Both return 0, or -EINVAL with what is wrong in error. read_argument takes what is no
	 * flag, and is NULL where nothing is taken; check looks at the whole, and may be NULL.
	 */
	int (*read_argument)(
	    struct options *options, const char *argument, char error[static OPTIONS_ERROR_SIZE]);
	int (*check)(const struct options *options, char error[static OPTIONS_ERROR_SIZE]);
	int (*run)(struct options *options); /* returns the exit status */
};

/* The one without a name comes first. */
extern const struct command *const commands[];
extern const size_t commands_length;

/* What --help and --version run. */
extern const struct command help_command;
extern const struct command version_command;

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

/*
 * The exit status of a command that prints, where result is 0 or -errno: EXIT_DONE or EXIT_FAILED.
 * It says on standard error what went wrong: reason, or where that is NULL, what the number means.
 * A reader that has seen enough (-EPIPE) is told nothing.
 */
int command_end(const struct command *command, int result, const char *reason);

#endif
