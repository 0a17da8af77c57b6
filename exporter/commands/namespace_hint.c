// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/namespace_hint.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/base/text.h"
#include "exporter/base/utf8.h"

/* What no shell gives a meaning to within a word. */
#define PLAIN                        \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789/._-+,:@%"

bool namespace_hint_can_show(const char *path)
{
	while (*path && text_unprintable(path) == 0)
		path += utf8_length(path);
	return *path == '\0';
}

static void print_word(FILE *file, const char *word)
{
	if (word[strspn(word, PLAIN)] == '\0') {
		fputs(word, file);
		return;
	}
	fputc('\'', file);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", file);
		else
			fputc(*word, file);
	fputc('\'', file);
}

void namespace_hint_print(FILE *file, const char *what, const char *path)
{
	char *shown = strdup(what);

	if (!shown)
		return;
	text_make_printable(shown);
	fprintf(file, "This is about %s.", shown);
	free(shown);
	if (path && namespace_hint_can_show(path)) {
		fputs(" Run a command that is printed here as: nsenter --net=", file);
		print_word(file, path);
		fputs(" COMMAND", file);
	}
	fputc('\n', file);
}
