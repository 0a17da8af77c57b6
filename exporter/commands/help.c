// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "exporter/base/version.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/commit.h"
#include "exporter/commands/features.h"
#include "exporter/commands/flags.h"
#include "exporter/commands/option_unknown.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/options.h"

#define WIDTH 80
#define USAGE_INDENT 31
#define FLAG_INDENT 6

/* Prints text in lines that begin at column indent. */
static void print_wrapped(FILE *file, int indent, const char *text)
{
	int column = indent;

	while (*text) {
		const int length = (int)strcspn(text, " ");

		if (column > indent && column + 1 + length > WIDTH) {
			fprintf(file, "\n%*s", indent, "");
			column = indent;
		}
		if (column > indent) {
			fputc(' ', file);
			column++;
		}
		fprintf(file, "%.*s", length, text);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', file);
}

static void print_entry(FILE *file, const char *flag, const char *text)
{
	fprintf(file, "  %s\n%*s", flag, FLAG_INDENT, "");
	print_wrapped(file, FLAG_INDENT, text);
}

static void print_usage(FILE *file, const struct command *word)
{
	const int length = fprintf(file, "  ephemera%s%s%s%s%s", word->name ? " " : "",
	    word->name ? word->name : "", word->arguments ? " " : "",
	    word->arguments ? word->arguments : "", word->takes_flags ? " [FLAG...]" : "");

	if (length + 2 > USAGE_INDENT)
		fprintf(file, "\n%*s", USAGE_INDENT, "");
	else
		fprintf(file, "%*s", USAGE_INDENT - length, "");
	print_wrapped(file, USAGE_INDENT, word->help);
}

static void print_collector(FILE *file, const struct collector *collector)
{
	char name[128];
	char text[512];

	snprintf(name, sizeof(name), "--[no-]collector.%s", collector->name);
	snprintf(text, sizeof(text), "%s (%s by default)", collector->help,
	    collector->on_by_default ? "on" : "off");
	print_entry(file, name, text);
	for (size_t i = 0; collector->flags && collector->flags[i].name; i++) {
		const struct collector_flag *flag = &collector->flags[i];
		const char *value = collector_flag_value(flag);
		char initial[COLLECTOR_DEFAULT_SIZE];

		snprintf(name, sizeof(name), "--%scollector.%s.%s%s%s", value ? "" : "[no-]",
		    collector->name, flag->name, value ? "=" : "", value ? value : "");
		collector_flag_default(flag, initial);
		snprintf(text, sizeof(text), "%s %s", flag->help, initial);
		print_entry(file, name, text);
	}
}

/* command: whose help it is; NULL: of all. */
static void print_flag(FILE *file, const struct flag *flag, const char *command)
{
	char name[128];
	char text[FLAG_HELP_SIZE];

	snprintf(name, sizeof(name), "--%s%s%s", flag->name, flag->value ? "=" : "",
	    flag->value ? flag->value : "");
	if (command)
		flag_format_help_of(flag, command, text);
	else
		flag_format_help(flag, text);
	print_entry(file, name, text);
}

static void print_first_flags(FILE *file)
{
	fputs("\nFlags (--flag=value or --flag value):\n", file);
	print_entry(file, "-h, --help", flag_help_help);
	print_entry(file, "-V, --version", flag_version_help);
}

void options_help(FILE *file)
{
	fputs("Ephemera, a Prometheus exporter for ephemeral ports: how many are left, which\n"
	      "destinations have used them up, and when they are free again.\n"
	      "\n"
	      "Usage:\n",
	    file);
	for (size_t i = 0; i < commands_length; i++)
		print_usage(file, commands[i]);
	fputs(
	    "\n\"ephemera COMMAND --help\" prints the flags of one command, and examples.\n", file);
	print_first_flags(file);
	for (size_t i = 0; i < flags_length; i++)
		print_flag(file, &flags[i], NULL);
	fputs("\nCollectors:\n", file);
	print_entry(file, "--collector.disable-defaults", flag_disable_defaults_help);
	for (size_t i = 0; i < collectors_length; i++)
		print_collector(file, collectors[i]);
	fputs("\nExit status: 0: success; 1: failure; 2: the command line is wrong.\n", file);
}

static void print_example(FILE *file, const struct command_example *example)
{
	fprintf(file, "  %s:\n", example->what);
	for (const char *line = example->lines; *line; line += *line == '\n') {
		const int length = (int)strcspn(line, "\n");

		fprintf(file, "%*s%.*s\n", FLAG_INDENT, "", length, line);
		line += length;
	}
}

static void print_notes(FILE *file, const struct command *command)
{
	fprintf(file, "\n%s:\n", command->notes_title);
	for (const char *line = command->notes; *line;) {
		const int length = (int)strcspn(line, "\n");

		fprintf(file, "  %.*s\n", length, line);
		line += length + (line[length] == '\n');
	}
}

void options_help_command(FILE *file, const struct command *command)
{
	const struct command_example *example = command->examples;

	fputs("Usage:\n", file);
	print_usage(file, command);
	if (example)
		fputs("\nExamples:\n", file);
	for (; example && example->what; example++)
		print_example(file, example);
	if (command->notes_title)
		print_notes(file, command);
	print_first_flags(file);
	for (size_t i = 0; command->takes_flags && i < flags_length; i++)
		if (flags[i].commands && flag_is_of(&flags[i], command->name))
			print_flag(file, &flags[i], command->name);
	if (command->takes_flags)
		fputs("\n\"ephemera --help\" has the flags that every command takes, such as\n"
		      "--log.level and --sockets.source, and those of collectors.\n",
		    file);
}

static int run_help(struct options *options)
{
	if (options->about)
		options_help_command(stdout, options->about);
	else
		options_help(stdout);
	return EXIT_DONE;
}

static int read_about(
    struct options *options, const char *argument, char error[static OPTIONS_ERROR_SIZE])
{
	if (options->about)
		return option_fail(error, "help: one command, not also \"%.80s\"", argument);
	options->about = command_find(argument);
	return options->about ? 0 : option_unknown_command(argument, error);
}

static const struct command_example examples[] = {
    {"See the flags of one command", "ephemera help port"},
    {NULL, NULL},
};

const struct command help_command = {
    .name = "help",
    .arguments = "[COMMAND]",
    .help = "print the usage of all commands, or of one",
    .examples = examples,
    .read_argument = read_about,
    .run = run_help,
};

static int run_version(struct options *options)
{
	(void)options;
	puts("ephemera " EPHEMERA_VERSION " (" EPHEMERA_COMPILER ")\n"
	     "commit: " EPHEMERA_COMMIT "\n"
	     "BPF: " EPHEMERA_WITH_BPF "\n"
	     "libraries: " EPHEMERA_LIBRARIES);
	return EXIT_DONE;
}

const struct command version_command = {.run = run_version};
