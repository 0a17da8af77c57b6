// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/option_unknown.h"

#include <stdio.h>
#include <string.h>

#include "collectors/registry.h"
#include "exporter/base/similar.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/flags.h"
#include "exporter/commands/option_value.h"

#define NAMES_SIZE 160

static void try_switch(struct similar *similar, const char *name)
{
	char opposite[2 * SIMILAR_SIZE + 4];

	snprintf(opposite, sizeof(opposite), "no-%s", name);
	similar_try(similar, name);
	similar_try(similar, opposite);
}

static void try_collectors(struct similar *similar)
{
	char name[2 * SIMILAR_SIZE];

	similar_try(similar, "collector.disable-defaults");
	for (size_t i = 0; i < collectors_length; i++) {
		const struct collector_flag *flag = collectors[i]->flags;

		snprintf(name, sizeof(name), "collector.%s", collectors[i]->name);
		try_switch(similar, name);
		for (; flag && flag->name; flag++) {
			snprintf(
			    name, sizeof(name), "collector.%s.%s", collectors[i]->name, flag->name);
			if (!collector_flag_value(flag))
				try_switch(similar, name);
			else
				similar_try(similar, name);
		}
	}
}

/* Finds which of the command's flags was meant. */
static void find_flag(const struct command *command, const char *name, struct similar *similar)
{
	similar_begin(similar, name);
	for (size_t i = 0; i < flags_length; i++)
		if (flag_is_of(&flags[i], command->name))
			similar_try(similar, flags[i].name);
	similar_try(similar, "help");
	similar_try(similar, "version");
	try_collectors(similar);
}

int option_unknown_flag(
    const struct command *command, const char *name, char error[static OPTIONS_ERROR_SIZE])
{
	struct similar similar;

	find_flag(command, name, &similar);
	if (!similar.found[0])
		return option_fail(error, "unknown flag --%s; see --help", name);
	return option_fail(error, "unknown flag --%s; did you mean --%s?", name, similar.found);
}

static bool has_flag(const struct command *command, const char *name)
{
	for (size_t i = 0; command->takes_flags && i < flags_length; i++)
		if (strcmp(flags[i].name, name) == 0 && flag_is_of(&flags[i], command->name))
			return true;
	return false;
}

/* Writes the commands that have the flag: "A", "B" and "C". */
static void list_commands(const char *name, char names[static NAMES_SIZE])
{
	size_t left = 0;

	for (size_t i = 0; i < commands_length; i++)
		left += has_flag(commands[i], name);
	names[0] = '\0';
	for (size_t i = 0; i < commands_length; i++) {
		const char *other = commands[i]->name;
		const size_t length = strlen(names);
		const char *between = left > 1 ? ", " : " and ";

		if (!has_flag(commands[i], name))
			continue;
		snprintf(names + length, NAMES_SIZE - length, "%s\"ephemera%s%s\"",
		    length ? between : "", other ? " " : "", other ? other : "");
		left--;
	}
}

int option_other_flag(
    const struct command *command, const char *name, char error[static OPTIONS_ERROR_SIZE])
{
	char names[NAMES_SIZE];
	struct similar similar;

	list_commands(name, names);
	find_flag(command, name, &similar);
	return option_fail(error, "--%s is a flag of %s%s%s%s", name, names,
	    similar.found[0] ? "; did you mean --" : "", similar.found,
	    similar.found[0] ? "?" : "");
}

int option_unknown_command(const char *name, char error[static OPTIONS_ERROR_SIZE])
{
	struct similar similar;

	similar_begin(&similar, name);
	for (size_t i = 0; i < commands_length; i++)
		if (commands[i]->name)
			similar_try(&similar, commands[i]->name);
	if (!similar.found[0])
		return option_fail(error, "unknown command \"%.80s\"; see --help", name);
	return option_fail(
	    error, "unknown command \"%.80s\"; did you mean \"%s\"?", name, similar.found);
}
