// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "collectors/registry.h"
#include "docs/manual.h"

struct manual_flag manual_flags[MANUAL_FLAGS_MAX];
size_t manual_flags_length;

/* The commands that take flags, and all commands. */
static unsigned with_flags;
static unsigned all;

/* Adds a flag with its name and help; if there is no room, overwrites the last one. */
static struct manual_flag *add(const char *name, const char *help, unsigned of)
{
	struct manual_flag *flag = &manual_flags[manual_flags_length];

	snprintf(flag->name, sizeof(flag->name), "%s", name);
	snprintf(flag->help, sizeof(flag->help), "%s", help);
	flag->commands = of;
	flag->is_everywhere = of == with_flags || of == all;
	if (manual_flags_length < MANUAL_FLAGS_MAX - 1)
		manual_flags_length++;
	return flag;
}

static void add_member(const struct flag *member)
{
	char help[FLAG_HELP_SIZE];
	unsigned own = 0;

	for (size_t i = 0; i < commands_length; i++)
		if (commands[i]->takes_flags && flag_is_of(member, commands[i]->name))
			own |= 1u << i;
	flag_format_help(member, help);

	struct manual_flag *flag = add(member->name, help, own);

	flag->value = member->value;
	flag->choices = member->choices;
	flag->is_repeatable = member->kind == KIND_ADDRESS;
	if (member->kind == KIND_NUMBER)
		snprintf(flag->bounds, sizeof(flag->bounds), "from %lu to %lu", member->minimum,
		    member->maximum);
	else if (member->kind == KIND_DURATION)
		snprintf(flag->bounds, sizeof(flag->bounds), "from %lus to %lus", member->minimum,
		    member->maximum);
	else if (member->kind == KIND_OCTAL)
		snprintf(flag->bounds, sizeof(flag->bounds), "from %#lo to %#lo", member->minimum,
		    member->maximum);
}

static void add_collector(const struct collector *collector)
{
	char name[64];
	char help[256];
	char initial[COLLECTOR_DEFAULT_SIZE];
	struct manual_flag *flag;

	snprintf(name, sizeof(name), "collector.%s", collector->name);
	snprintf(help, sizeof(help), "%s (%s by default)", collector->help,
	    collector->on_by_default ? "on" : "off");
	flag = add(name, help, with_flags);
	flag->is_collectors = true;
	snprintf(flag->opposite, sizeof(flag->opposite), "no-collector.%s", collector->name);
	for (const struct collector_flag *own = collector->flags; own && own->name; own++) {
		snprintf(name, sizeof(name), "collector.%s.%s", collector->name, own->name);
		collector_flag_default(own, initial);
		snprintf(help, sizeof(help), "%s %s", own->help, initial);
		flag = add(name, help, with_flags);
		flag->is_collectors = true;
		if (!collector_flag_value(own)) {
			snprintf(flag->opposite, sizeof(flag->opposite), "no-collector.%s.%s",
			    collector->name, own->name);
			continue;
		}
		flag->value = collector_flag_value(own);
		if (own->is_ports)
			snprintf(flag->bounds, sizeof(flag->bounds), "from 1 to %u", PORTS - 1);
		else
			snprintf(flag->bounds, sizeof(flag->bounds), "from %lu to %lu",
			    own->minimum, own->maximum);
	}
}

bool manual_flags_collect(void)
{
	for (size_t i = 0; i < commands_length; i++) {
		all |= 1u << i;
		if (commands[i]->takes_flags)
			with_flags |= 1u << i;
	}
	add("help", flag_help_help, all);
	add("version", flag_version_help, all);
	for (size_t i = 0; i < flags_length; i++)
		add_member(&flags[i]);
	add("collector.disable-defaults", flag_disable_defaults_help, with_flags)->is_collectors =
	    true;
	for (size_t i = 0; i < collectors_length; i++)
		add_collector(collectors[i]);
	return manual_flags_length < MANUAL_FLAGS_MAX - 1;
}

bool manual_flag_is_of(const struct manual_flag *flag, const struct command *word)
{
	for (size_t i = 0; i < commands_length; i++)
		if (commands[i] == word)
			return flag->commands >> i & 1;
	return false;
}

bool manual_flag_is_own(const struct manual_flag *flag, const struct command *word)
{
	return manual_flag_is_of(flag, word) &&
	       (word->has_all_flags || !flag->is_everywhere || flag->commands == all);
}

bool manual_flag_is_other(const struct manual_flag *flag, const struct command *word)
{
	return manual_flag_is_of(flag, word) && !manual_flag_is_own(flag, word);
}

const char *manual_command_name(const struct command *word)
{
	return word->name ? word->name : "serve";
}
