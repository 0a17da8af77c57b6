/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_COMMANDS_H
#define EPHEMERA_COMMANDS_H

/* The table of commands: reading, --help, the manual and the shells' completions go by it. */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/commands/options.h"

struct command_word {
	const char *name;      /* NULL: where no command is given */
	const char *arguments; /* what follows it; NULL: nothing but flags */
	const char *help;
	enum command command;
	bool takes_flags; /* more than --help and --version */
};

extern const struct command_word command_words[];
extern const size_t command_words_length;

/* NULL: there is none of that name. */
const struct command_word *command_find(const char *name);

#endif
