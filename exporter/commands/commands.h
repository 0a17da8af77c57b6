/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COMMANDS_H
#define EPHEMERA_COMMANDS_H

/*
 * The commands: each is a struct in the file that runs it. The command line, --help, the man page
 * and the shells' completions are made from the list of them.
 */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/commands/options.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

/* What people often want, as it is put before a colon, and the lines that do it. */
struct command_example {
	const char *what;
	const char *lines; /* each begins with "ephemera" */
};

struct command {
	const char *name;      /* NULL: runs if no command is given */
	const char *arguments; /* what follows it; NULL: only flags */
	const char *help;
	const struct command_example *examples; /* ended by one without what; NULL: none */
	const char *notes_title;		/* of lines in its help; NULL: none */
	const char *notes;
	bool takes_flags;     /* more than --help and --version */
	bool has_all_flags;   /* those that every command takes are its own, as of the service */
	bool prints_commands; /* its answer has commands for people to run */
	/*
	 * Both return 0; or -EINVAL, and in error what is wrong. read_argument reads an argument
	 * that is not a flag; NULL: there may be none. check checks the whole command line; may be
	 * NULL.
	 */
	int (*read_argument)(
	    struct options *options, const char *argument, char error[static OPTIONS_ERROR_SIZE]);
	int (*check)(const struct options *options, char error[static OPTIONS_ERROR_SIZE]);
	int (*run)(struct options *options); /* returns the exit status */
};

/* The command without a name comes first. */
extern const struct command *const commands[];
extern const size_t commands_length;

/* What --help and --version run. The first one is in the list, too. */
extern const struct command help_command;
extern const struct command version_command;

/* NULL: there is no such command. */
const struct command *command_find(const char *name);

/*
 * The exit status of a command whose work ended with result, 0 or -errno. Prints to standard error
 * why it failed: the reason, or if it is NULL the error. Prints nothing for -EPIPE: the reader of
 * its output closed the pipe.
 */
int command_end(const struct command *command, int result, const char *reason);

#endif
