// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "exporter/commands/commands.h"
#include "exporter/commands/flags.h"
#include "exporter/commands/option_unknown.h"
#include "exporter/commands/option_value.h"

/* What is left of the command line while it is read. */
struct reader {
	int argc;
	char **argv;
	int next;
	struct options *options;
	char *error;
	bool disable_defaults;
	bool is_done;	   /* --help or --version: what follows does not count */
	collector_set on;  /* switched on by a flag of their own */
	collector_set off; /* switched off so */
};

/* Splits "--name=value"; where a value is wanted and not there, takes the next word. */
struct word {
	char name[64];
	const char *value; /* NULL: none */
};

static int split(struct reader *reader, const char *argument, struct word *ret_word)
{
	const char *name = argument + 2;
	const char *equals = strchr(name, '=');
	const size_t length = equals ? (size_t)(equals - name) : strlen(name);

	if (length >= sizeof(ret_word->name))
		return option_fail(reader->error, "unknown flag %.100s; see --help", argument);
	memcpy(ret_word->name, name, length);
	ret_word->name[length] = '\0';
	ret_word->value = equals ? equals + 1 : NULL;
	return 0;
}

static int want_value(struct reader *reader, struct word *word)
{
	if (word->value)
		return 0;
	if (reader->next == reader->argc)
		return option_fail(reader->error, "--%s: the value is missing", word->name);
	word->value = reader->argv[reader->next++];
	return 0;
}

static int refuse_value(struct reader *reader, const struct word *word)
{
	if (!word->value)
		return 0;
	return option_fail(
	    reader->error, "--%s: must have no value, not \"%.80s\"", word->name, word->value);
}

/* "NAME" of --collector.NAME and --no-collector.NAME. */
static int switch_collector(
    struct reader *reader, const struct word *word, const char *name, bool on)
{
	const int found = collector_find(name);

	if (found < 0)
		return option_unknown_flag(reader->options->command, word->name, reader->error);
	if (refuse_value(reader, word) < 0)
		return -EINVAL;

	const collector_set one = (collector_set)1 << found;

	/* The last word counts. */
	reader->on = on ? reader->on | one : reader->on & ~one;
	reader->off = on ? reader->off & ~one : reader->off | one;
	return 0;
}

static int set_value(struct reader *reader, struct word *word, const struct collector_flag *flag,
    bool on, unsigned long *value)
{
	if (!collector_flag_value(flag)) {
		*value = on;
		return refuse_value(reader, word);
	}
	if (!on)
		return option_unknown_flag(reader->options->command, word->name, reader->error);
	if (want_value(reader, word) < 0)
		return -EINVAL;
	return flag->is_ports ? option_ports(reader->error, word->name, word->value, value)
			      : option_number(reader->error, word->name, word->value, flag->minimum,
				    flag->maximum, value);
}

/* "NAME.FLAG" of --collector.NAME.FLAG, and of --no-collector.NAME.FLAG, which is not on. */
static int set_collector_flag(
    struct reader *reader, struct word *word, const char *name, const char *dot, bool on)
{
	for (size_t i = 0; i < collectors_length; i++) {
		const struct collector_flag *flag = collectors[i]->flags;

		if (strlen(collectors[i]->name) != (size_t)(dot - name) ||
		    strncmp(collectors[i]->name, name, (size_t)(dot - name)) != 0)
			continue;
		for (size_t j = 0; flag && flag[j].name; j++)
			if (strcmp(flag[j].name, dot + 1) == 0)
				return set_value(
				    reader, word, &flag[j], on, &reader->options->values[i][j]);
	}
	return option_unknown_flag(reader->options->command, word->name, reader->error);
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* That of the command, where several commands have a flag of that name; NULL: there is none. */
static const struct flag *find_flag(const char *name, const char *command)
{
	const struct flag *found = NULL;

	for (size_t i = 0; i < flags_length; i++) {
		if (strcmp(flags[i].name, name) != 0)
			continue;
		if (flag_is_of(&flags[i], command))
			return &flags[i];
		found = &flags[i];
	}
	return found;
}

/* Help is about the command that was given so far. */
static void ask_for(struct options *options, const struct command *command)
{
	if (options->command->name && options->command != &help_command)
		options->about = options->command;
	options->command = command;
}

static int read_flag(struct reader *reader, const char *argument)
{
	const struct flag *flag;
	struct word word = {{0}, NULL};

	if (split(reader, argument, &word) < 0)
		return -EINVAL;
	if (strcmp(word.name, "help") == 0 || strcmp(word.name, "version") == 0) {
		ask_for(reader->options, word.name[0] == 'h' ? &help_command : &version_command);
		reader->is_done = true;
		return refuse_value(reader, &word);
	}
	if (strcmp(word.name, "collector.disable-defaults") == 0) {
		reader->disable_defaults = true;
		return refuse_value(reader, &word);
	}
	if (starts_with(word.name, "no-collector.") || starts_with(word.name, "collector.")) {
		const bool on = word.name[0] == 'c';
		const char *name = strchr(word.name, '.') + 1;
		const char *dot = strchr(name, '.');

		return dot ? set_collector_flag(reader, &word, name, dot, on)
			   : switch_collector(reader, &word, name, on);
	}
	flag = find_flag(word.name, reader->options->command->name);
	if (!flag)
		return option_unknown_flag(reader->options->command, word.name, reader->error);
	if (!flag_is_of(flag, reader->options->command->name))
		return option_other_flag(reader->options->command, word.name, reader->error);
	if (flag->kind == KIND_SWITCH ? refuse_value(reader, &word) < 0
				      : want_value(reader, &word) < 0)
		return -EINVAL;
	return option_set(reader->options, flag, word.value, reader->error);
}

static void set_defaults(struct options *options)
{
	char error[OPTIONS_ERROR_SIZE];

	memset(options, 0, sizeof(*options));
	options->command = commands[0];
	for (size_t i = 0; i < flags_length; i++)
		if (flags[i].initial && flags[i].kind != KIND_ADDRESS)
			(void)option_set(options, &flags[i], flags[i].initial, error);
	for (size_t i = 0; i < collectors_length; i++)
		for (size_t j = 0; collectors[i]->flags && collectors[i]->flags[j].name; j++)
			options->values[i][j] = collectors[i]->flags[j].initial;
}

/* Where none was given: the others would come on top of it. */
static void set_default_addresses(struct options *options)
{
	char error[OPTIONS_ERROR_SIZE];

	for (size_t i = 0; i < flags_length; i++)
		if (flags[i].initial && flags[i].kind == KIND_ADDRESS)
			(void)option_set(options, &flags[i], flags[i].initial, error);
}

/* A share that no flag gave: half, since then there is room for others. */
static void set_half(unsigned long *share, unsigned long whole)
{
	if (*share == 0)
		*share = (whole + 1) / 2;
}

/* Which sources can be combined. */
static int check_source(struct reader *reader)
{
	const struct source_options *source = &reader->options->source;

	if (source->replay && source->kind != SOURCE_AUTO)
		return option_fail(
		    reader->error, "--sockets.replay and --sockets.source cannot be combined");
	if (source->replay && source->record)
		return option_fail(
		    reader->error, "--sockets.replay and --sockets.record cannot be combined");
	if (!reader->options->all_namespaces)
		return 0;
	if (source->replay || source->record)
		return option_fail(reader->error,
		    "--namespaces=all cannot be combined with --sockets.%s: a recording is of one "
		    "network namespace",
		    source->replay ? "replay" : "record");
	if (source->kind != SOURCE_AUTO && source->kind != SOURCE_BPF)
		return option_fail(reader->error,
		    "--namespaces=all takes --sockets.source=bpf or auto: only the walk by BPF "
		    "sees other network namespaces");
	return 0;
}

/* What only the whole command line tells. */
static int finish(struct reader *reader)
{
	struct options *options = reader->options;

	for (size_t i = 0; i < collectors_length; i++)
		if (collectors[i]->on_by_default && !reader->disable_defaults)
			options->enabled |= (collector_set)1 << i;
	options->enabled = (options->enabled | reader->on) & ~reader->off;
	options->wanted = reader->on;
	if (options->serve.telemetry_path[0] != '/' ||
	    strcmp(options->serve.telemetry_path, "/") == 0 ||
	    starts_with(options->serve.telemetry_path, "/-/") ||
	    starts_with(options->serve.telemetry_path, "/api/") ||
	    starts_with(options->serve.telemetry_path, "/pages/") ||
	    strpbrk(options->serve.telemetry_path, "?#% "))
		return option_fail(reader->error,
		    "--web.telemetry-path: must begin with a slash, not contain ?, #, %% or a "
		    "blank, "
		    "and not be / or below /-/, /api/ or /pages/; it is \"%.80s\"",
		    options->serve.telemetry_path);
	if (check_source(reader) < 0)
		return -EINVAL;
	if (options->command->check && options->command->check(options, reader->error) < 0)
		return -EINVAL;
	if (options->process && options->serve.addresses_length)
		return option_fail(
		    reader->error, "--process and --web.listen-address cannot be combined");
	if (options->serve.systemd_socket && options->serve.addresses_length)
		return option_fail(reader->error,
		    "--web.systemd-socket and --web.listen-address cannot be combined");
	set_half(&options->serve.max_requests_per_address, options->serve.max_requests);
	set_half(&options->serve.max_connections_per_address, options->serve.max_connections);
	if (options->source.replay)
		options->source.kind = SOURCE_REPLAY;
	options->source.procfs = options->procfs;
	if (options->serve.addresses_length == 0 && !options->serve.systemd_socket)
		set_default_addresses(options);
	return 0;
}

/* A command, or what follows it. */
static int read_word(struct reader *reader, const char *argument)
{
	struct options *options = reader->options;

	if (options->command->read_argument)
		return options->command->read_argument(options, argument, reader->error);
	if (reader->next != 2)
		return option_fail(
		    reader->error, "unexpected argument \"%.80s\"; see --help", argument);

	const struct command *command = command_find(argument);

	if (!command)
		return option_unknown_command(argument, reader->error);
	options->command = command;
	return 0;
}

bool options_has_collector(const struct options *options, const char *name)
{
	return options->enabled >> collector_find(name) & 1;
}

const unsigned long *options_values(const struct options *options, const char *name)
{
	return options->values[collector_find(name)];
}

int options_parse(
    int argc, char **argv, struct options *ret_options, char error[static OPTIONS_ERROR_SIZE])
{
	struct reader reader = {
	    .argc = argc, .argv = argv, .next = 1, .options = ret_options, .error = error};

	set_defaults(ret_options);
	while (reader.next < argc) {
		const char *argument = argv[reader.next++];
		if (strcmp(argument, "-h") == 0)
			argument = "--help";
		if (strcmp(argument, "-V") == 0)
			argument = "--version";

		const int result = starts_with(argument, "--") && argument[2]
				       ? read_flag(&reader, argument)
				       : read_word(&reader, argument);

		if (result < 0)
			return result;
		if (reader.is_done)
			return 0;
	}
	return finish(&reader);
}
