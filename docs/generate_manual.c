// SPDX-License-Identifier: Apache-2.0
/*
 * Prints a template of the man page or of a completion, and replaces its lines "@PART ARGUMENT"
 * with text from the tables of commands, flags and collectors.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docs/manual.h"

static bool print_part(const char *name, const char *argument)
{
	const struct manual_part *const tables[] = {manual_page_parts, manual_completion_parts};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct manual_part *part = tables[i]; part->name; part++)
			if (strcmp(part->name, name) == 0)
				return part->print(argument);
	fprintf(stderr, "there is no part @%s\n", name);
	return false;
}

static bool print_line(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '@') {
		puts(line);
		return true;
	}

	char *argument = line + strcspn(line, " ");

	if (*argument)
		*argument++ = '\0';
	return print_part(line + 1, argument);
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	char *line = NULL;
	size_t size = 0;
	bool right = true;

	if (argc != 2) {
		fputs(
		    "Usage: ephemera-manual docs/ephemera.8.in|docs/completion.SHELL.in\n", stderr);
		return EXIT_FAILURE;
	}
	if (!file) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	if (!manual_flags_collect()) {
		fputs("there are more flags than MANUAL_FLAGS_MAX\n", stderr);
		right = false;
	}
	while (getline(&line, &size, file) > 0)
		right = print_line(line) && right;
	free(line);
	fclose(file);
	if (strstr(argv[1], ".8.in"))
		right = manual_page_is_complete() && right;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("standard output");
		return EXIT_FAILURE;
	}
	return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
