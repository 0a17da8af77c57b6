// SPDX-License-Identifier: Apache-2.0
/* Parts of docs/ephemera.8.in, in the macros of mdoc(7). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "docs/manual.h"
#include "exporter/base/version.h"

#define WIDTH 78

/* Bits, in the order of the list: the commands that the page has described. */
static unsigned described;

/*
 * In a flag each dash is a minus, so that it can be copied from the page. The start of a line must
 * not look like a request.
 */
static int print_word(const char *word, int length)
{
	const bool is_flag = strncmp(word, "--", 2) == 0;
	int printed = is_flag ? printf("\\%%") : 0; /* not to be broken */

	for (int i = 0; i < length; i++) {
		if (word[i] == '\\')
			printed += printf("\\e");
		else if (word[i] == '-' && is_flag)
			printed += printf("\\-");
		else if (strncmp(&word[i], "()", 2) == 0)
			printed += printf("\\&("); /* mdoc wants a macro for functions */
		else if ((word[i] == '.' || word[i] == '\'') && i == 0)
			printed += printf("\\&%c", word[i]);
		else
			printed += printf("%c", word[i]);
	}
	return printed;
}

/* Prints text in lines, as the source of a page should have. */
static void print_text(const char *text)
{
	int column = 0;

	while (*text) {
		const int length = (int)strcspn(text, " ");

		if (column > 0 && column + 1 + length > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column > 0)
			column += printf(" ");
		column += print_word(text, length);
		text += length;
		text += strspn(text, " ");
	}
}

static bool print_os(const char *argument)
{
	(void)argument;
	puts(".Os Ephemera " EPHEMERA_VERSION);
	return true;
}

static void print_usage(const struct command *word, const char *separator)
{
	if (word->name)
		printf("%sCm %s", separator, word->name);
	if (word->arguments)
		printf("%sAr %s", separator, word->arguments);
	if (word->takes_flags)
		printf("%sOp Ar FLAG ...", separator);
}

static bool print_synopsis(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < commands_length; i++) {
		printf(".Nm");
		print_usage(commands[i], "\n.");
		putchar('\n');
	}
	return true;
}

/* The head of a command's description; the page continues it. */
static bool print_command(const char *argument)
{
	const struct command *word =
	    strcmp(argument, "serve") == 0 ? commands[0] : command_find(argument);

	if (!word) {
		fprintf(stderr, "there is no command %s\n", argument);
		return false;
	}
	for (size_t i = 0; i < commands_length; i++)
		if (commands[i] == word)
			described |= 1u << i;
	printf(".It Nm");
	print_usage(word, " ");
	putchar('\n');
	putchar(toupper((unsigned char)word->help[0]));
	print_text(word->help + 1);
	puts(".\n.Pp");
	return true;
}

bool manual_page_is_complete(void)
{
	bool complete = true;

	for (size_t i = 0; i < commands_length; i++) {
		if (described >> i & 1)
			continue;
		fprintf(stderr, "the page says nothing of a command; add: @command %s\n",
		    manual_command_name(commands[i]));
		complete = false;
	}
	return complete;
}

static void print_flag(const struct manual_flag *flag)
{
	printf(".It ");
	if (strcmp(flag->name, "help") == 0)
		printf("Fl h , ");
	if (strcmp(flag->name, "version") == 0)
		printf("Fl V , ");
	printf("Fl Fl %s%s", flag->opposite[0] ? "[no-]" : "", flag->name);
	if (flag->value)
		printf(" Ns = Ns Ar %s", flag->value);
	putchar('\n');
	print_text(flag->help);
	if (flag->bounds[0])
		printf(",\n%s", flag->bounds);
	putchar('\n');
}

static bool print_flags(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < manual_flags_length; i++)
		if (manual_flags[i].is_everywhere && !manual_flags[i].is_collectors)
			print_flag(&manual_flags[i]);
	return true;
}

static bool print_command_flags(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < manual_flags_length; i++)
		if (!manual_flags[i].is_everywhere)
			print_flag(&manual_flags[i]);
	return true;
}

static bool print_collectors(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < manual_flags_length; i++)
		if (manual_flags[i].is_collectors)
			print_flag(&manual_flags[i]);
	return true;
}

/* Of all commands: what for, and lines that can be copied, so they are not broken. */
static bool print_examples(const char *argument)
{
	bool first = true;

	(void)argument;
	for (size_t i = 0; i < commands_length; i++) {
		const struct command_example *example = commands[i]->examples;

		for (; example && example->what; example++) {
			if (!first)
				puts(".Pp");
			first = false;
			print_text(example->what);
			puts(":\n.Pp");
			for (const char *line = example->lines; *line; line += *line == '\n') {
				const int length = (int)strcspn(line, "\n");

				printf(".Dl %.*s\n", length, line);
				line += length;
			}
		}
	}
	return true;
}

const struct manual_part manual_page_parts[] = {
    {"os", print_os},
    {"synopsis", print_synopsis},
    {"command", print_command},
    {"flags", print_flags},
    {"command-flags", print_command_flags},
    {"collectors", print_collectors},
    {"examples", print_examples},
    {NULL, NULL},
};
