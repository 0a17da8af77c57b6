/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_MANUAL_H
#define EPHEMERA_MANUAL_H

/*
 * The parts that docs/generate_manual.c puts into a template for a line "@PART ARGUMENT". They
 * are made from the tables of the command line.
 */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/commands/commands.h"
#include "exporter/commands/flags.h"

/* A flag of any table. */
struct manual_flag {
	char name[64];	   /* without the dashes */
	char opposite[64]; /* "no-NAME" of a collector; else empty */
	char help[256];
	char bounds[64];   /* "from 1 to 1000"; else empty */
	const char *value; /* NULL: it takes none */
	const char *const *choices;
	unsigned commands;  /* bits, in the order of the list: commands that have it; never 0 */
	bool is_everywhere; /* of all commands that take flags */
	bool is_collectors;
	bool is_repeatable;
};

#define MANUAL_FLAGS_MAX 128

/* Set by manual_flags_collect(). */
extern struct manual_flag manual_flags[MANUAL_FLAGS_MAX];
extern size_t manual_flags_length;

/* Returns false if there are more than MANUAL_FLAGS_MAX. */
bool manual_flags_collect(void);

/* Whether the command has the flag. */
bool manual_flag_is_of(const struct manual_flag *flag, const struct command *word);

/* The same without those that every command takes: what is offered after it. */
bool manual_flag_is_own(const struct manual_flag *flag, const struct command *word);

/* Whether every command takes it, and it is not the command's own. */
bool manual_flag_is_other(const struct manual_flag *flag, const struct command *word);

/* The command's name; "serve" for the one without. */
const char *manual_command_name(const struct command *word);

struct manual_part {
	const char *name;
	bool (*print)(const char *argument); /* false: it is wrong, and standard error says why */
};

/* Each list ends with a part without a name. */
extern const struct manual_part manual_page_parts[];
extern const struct manual_part manual_completion_parts[];

/* Returns false, with a message, if the page has left out a command. */
bool manual_page_is_complete(void);

#endif
