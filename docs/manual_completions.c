// SPDX-License-Identifier: Apache-2.0
/* Parts of docs/completion.*.in, in the words of each shell. */
#include <stdio.h>
#include <string.h>

#include "docs/manual.h"

/* Text between single quotes; a quote is written as said, specials get a backslash. */
static void print_quoted(const char *text, const char *specials, const char *quote)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs(quote, stdout);
		else if (strchr(specials, *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static bool takes_file(const struct command *word)
{
	return word->arguments && strcmp(word->arguments, "FILE") == 0;
}

static bool takes_port(const struct command *word)
{
	return word->arguments && strncmp(word->arguments, "PORT|", 5) == 0;
}

static bool takes_command(const struct command *word)
{
	return word->arguments && strcmp(word->arguments, "[COMMAND]") == 0;
}

static void print_choices(const struct manual_flag *flag)
{
	for (size_t i = 0; flag->choices[i]; i++)
		printf("%s%s", i ? " " : "", flag->choices[i]);
}

static void print_command_names(void)
{
	for (size_t i = 1; i < commands_length; i++)
		printf("%s%s", i > 1 ? " " : "", commands[i]->name);
}

/* bash */

static bool print_bash_commands(const char *argument)
{
	(void)argument;
	printf("\tlocal commands=\"");
	print_command_names();
	puts("\"");
	return true;
}

static void print_bash_flag(const struct manual_flag *flag)
{
	printf(" --%s%s", flag->name, flag->value ? "=" : "");
	if (flag->opposite[0])
		printf(" --%s", flag->opposite);
}

static bool has_others(const struct command *word)
{
	return word->takes_flags && !word->has_all_flags;
}

/* "port-others|trace-others)": what every command takes. */
static void print_bash_others(void)
{
	const struct command *one = NULL;

	for (size_t i = 0; i < commands_length; i++) {
		if (!has_others(commands[i]))
			continue;
		printf("%s%s-others", one ? " | " : "\t", manual_command_name(commands[i]));
		one = commands[i];
	}
	printf(")\n\t\techo \"");
	for (size_t i = 0; one && i < manual_flags_length; i++)
		if (manual_flag_is_other(&manual_flags[i], one))
			print_bash_flag(&manual_flags[i]);
	puts("\"\n\t\t;;");
}

static bool print_bash_flags(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < commands_length; i++) {
		printf("\t%s)\n\t\techo \"-h -V", manual_command_name(commands[i]));
		for (size_t j = 0; j < manual_flags_length; j++)
			if (manual_flag_is_own(&manual_flags[j], commands[i]))
				print_bash_flag(&manual_flags[j]);
		puts("\"\n\t\t;;");
	}
	print_bash_others();
	return true;
}

static bool print_bash_values(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < manual_flags_length; i++) {
		const struct manual_flag *flag = &manual_flags[i];

		if (!flag->value)
			continue;
		printf("\t--%s) ", flag->name);
		if (flag->choices) {
			printf("_ephemera_reply -W \"");
			print_choices(flag);
			puts("\" ;;");
		} else if (strcmp(flag->value, "FILE") == 0) {
			puts("_ephemera_files -f ;;");
		} else if (strcmp(flag->value, "DIRECTORY") == 0) {
			puts("_ephemera_files -d ;;");
		} else if (strcmp(flag->value, "USER") == 0) {
			puts("_ephemera_reply -u ;;");
		} else {
			puts(";;");
		}
	}
	return true;
}

static bool print_bash_arguments(const char *argument)
{
	(void)argument;
	for (size_t i = 1; i < commands_length; i++) {
		if (takes_file(commands[i]))
			printf("\t%s) _ephemera_files -f ;;\n", commands[i]->name);
		if (takes_command(commands[i]))
			printf("\t%s) _ephemera_reply -W \"$commands\" ;;\n", commands[i]->name);
		if (takes_port(commands[i]))
			printf("\t%s) _ephemera_reply -W \"$(_ephemera_listeners)\" ;;\n",
			    commands[i]->name);
	}
	return true;
}

/* zsh */

static bool print_zsh_commands(const char *argument)
{
	(void)argument;
	for (size_t i = 1; i < commands_length; i++) {
		printf("\t\t'%s:", commands[i]->name);
		print_quoted(commands[i]->help, "", "'\\''");
		puts("'");
	}
	return true;
}

static void print_zsh_flag(const char *name, const struct manual_flag *flag)
{
	printf("\t\t'%s--%s%s[", flag->is_repeatable ? "*" : "", name, flag->value ? "=" : "");
	print_quoted(flag->help, "[]\\", "'\\''");
	putchar(']');
	if (flag->value) {
		printf(":%s%s%s:", flag->value, flag->bounds[0] ? " " : "", flag->bounds);
		if (flag->choices) {
			putchar('(');
			print_choices(flag);
			putchar(')');
		} else if (strcmp(flag->value, "FILE") == 0) {
			fputs("_files", stdout);
		} else if (strcmp(flag->value, "DIRECTORY") == 0) {
			fputs("_files -/", stdout);
		} else if (strcmp(flag->value, "USER") == 0) {
			fputs("_users", stdout);
		}
	}
	puts("'");
}

static void print_zsh_arguments(const struct command *word)
{
	if (word->name)
		puts("\t\t'1:command:'");
	if (takes_command(word))
		puts("\t\t'2:command:_ephemera_commands'");
	else if (word->arguments)
		printf("\t\t'%s:%s:%s'\n", takes_file(word) ? "2" : "*", word->arguments,
		    takes_file(word)   ? "_files"
		    : takes_port(word) ? "_ephemera_ports"
				       : "");
}

static void print_zsh_flag_both(const struct manual_flag *flag)
{
	print_zsh_flag(flag->name, flag);
	if (flag->opposite[0])
		print_zsh_flag(flag->opposite, flag);
}

static bool print_zsh_flags(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < commands_length; i++) {
		printf("\t(%s)\n\t\tflags=(\n", manual_command_name(commands[i]));
		printf("\t\t'-h[%s]'\n", flag_help_help);
		printf("\t\t'-V[%s]'\n", flag_version_help);
		for (size_t j = 0; j < manual_flags_length; j++)
			if (manual_flag_is_own(&manual_flags[j], commands[i]))
				print_zsh_flag_both(&manual_flags[j]);
		print_zsh_arguments(commands[i]);
		puts("\t\t)");
		if (has_others(commands[i]))
			puts("\t\thas_others=1");
		puts("\t\t;;");
	}
	return true;
}

/* What every command takes. */
static bool print_zsh_others(const char *argument)
{
	const struct command *one = commands[0];

	(void)argument;
	for (size_t i = 0; i < commands_length; i++)
		if (has_others(commands[i]))
			one = commands[i];
	for (size_t i = 0; i < manual_flags_length; i++)
		if (manual_flag_is_other(&manual_flags[i], one))
			print_zsh_flag_both(&manual_flags[i]);
	return true;
}

/* fish */

static bool print_fish_commands(const char *argument)
{
	(void)argument;
	printf("    set -l commands ");
	print_command_names();
	putchar('\n');
	return true;
}

static bool print_fish_first_words(const char *argument)
{
	(void)argument;
	for (size_t i = 1; i < commands_length; i++) {
		printf("complete -c ephemera -n __ephemera_at_first_word -a %s -d '",
		    commands[i]->name);
		print_quoted(commands[i]->help, "\\", "\\'");
		puts("'");
		if (takes_file(commands[i]))
			printf("complete -c ephemera -n '__ephemera_completes %s' -F\n",
			    commands[i]->name);
		if (takes_port(commands[i]))
			printf("complete -c ephemera -n '__ephemera_completes %s' -a "
			       "'(__ephemera_listeners)'\n",
			    commands[i]->name);
		if (takes_command(commands[i])) {
			printf("complete -c ephemera -n '__ephemera_completes %s' -a '",
			    commands[i]->name);
			print_command_names();
			puts("'");
		}
	}
	return true;
}

static void print_fish_flag(const char *name, const struct manual_flag *flag)
{
	printf("complete -c ephemera -n '__ephemera_completes");
	for (size_t i = 0; i < commands_length; i++)
		if (manual_flag_is_own(flag, commands[i]))
			printf(" %s", manual_command_name(commands[i]));
	if (flag->is_everywhere && strcmp(name, "help") != 0 && strcmp(name, "version") != 0)
		printf("; or __ephemera_wants_others");
	printf("'%s%s -l %s", strcmp(name, "help") == 0 ? " -s h" : "",
	    strcmp(name, "version") == 0 ? " -s V" : "", name);
	if (flag->choices) {
		printf(" -x -a '");
		print_choices(flag);
		putchar('\'');
	} else if (flag->value && strcmp(flag->value, "FILE") == 0) {
		printf(" -r -F");
	} else if (flag->value && strcmp(flag->value, "DIRECTORY") == 0) {
		printf(" -x -a '(__fish_complete_directories)'");
	} else if (flag->value && strcmp(flag->value, "USER") == 0) {
		printf(" -x -a '(__fish_complete_users)'");
	} else if (flag->value) {
		printf(" -x");
	}
	printf(" -d '");
	print_quoted(flag->help, "\\", "\\'");
	puts("'");
}

static bool print_fish_flags(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < manual_flags_length; i++) {
		print_fish_flag(manual_flags[i].name, &manual_flags[i]);
		if (manual_flags[i].opposite[0])
			print_fish_flag(manual_flags[i].opposite, &manual_flags[i]);
	}
	return true;
}

/* The flags of each command, to see whether one of them fits what was typed. */
static bool print_fish_own(const char *argument)
{
	(void)argument;
	for (size_t i = 0; i < commands_length; i++) {
		if (!has_others(commands[i]))
			continue;
		printf("        case %s\n            set own", commands[i]->name);
		for (size_t j = 0; j < manual_flags_length; j++)
			if (manual_flag_is_own(&manual_flags[j], commands[i]))
				printf(" --%s", manual_flags[j].name);
		putchar('\n');
	}
	return true;
}

const struct manual_part manual_completion_parts[] = {
    {"bash-commands", print_bash_commands},
    {"bash-flags", print_bash_flags},
    {"bash-values", print_bash_values},
    {"bash-arguments", print_bash_arguments},
    {"zsh-commands", print_zsh_commands},
    {"zsh-flags", print_zsh_flags},
    {"zsh-others", print_zsh_others},
    {"fish-commands", print_fish_commands},
    {"fish-first-words", print_fish_first_words},
    {"fish-own", print_fish_own},
    {"fish-flags", print_fish_flags},
    {NULL, NULL},
};
