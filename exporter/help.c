// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "exporter/flags.h"
#include "exporter/options.h"

/* Prints text behind a flag, broken into lines of at most 80 columns. */
static void print_entry(FILE *file, const char *flag, const char *text)
{
	const int indent = 6;
	const int width = 80;
	int column = indent;

	fprintf(file, "  %s\n%*s", flag, indent, "");
	while (*text) {
		const int length = (int)strcspn(text, " ");

		if (column > indent && column + 1 + length > width) {
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

		snprintf(name, sizeof(name), "--collector.%s.%s=N", collector->name, flag->name);
		snprintf(text, sizeof(text), "%s (default %lu)", flag->help, flag->initial);
		print_entry(file, name, text);
	}
}

void options_help(FILE *file)
{
	fputs("Ephemera, a Prometheus exporter for ephemeral ports: how many are left, towards\n"
	      "whom they are used up, and when they come back.\n"
	      "\n"
	      "Usage:\n"
	      "  ephemera [FLAG...]           serve metrics over HTTP\n"
	      "  ephemera metrics [FLAG...]   one scrape to standard output; exit status 1\n"
	      "                               where a collector failed\n"
	      "  ephemera destinations [FLAG...]\n"
	      "                               the fullest destinations, as a table\n"
	      "  ephemera port PORT|FIRST-LAST... [FLAG...]\n"
	      "                               what is on these ports, and who has it; exit\n"
	      "                               status 0 something, 1 nothing, 2 an error\n"
	      "  ephemera check-config FILE   whether a --web.config.file is right\n"
	      "  ephemera healthcheck [FLAG...]\n"
	      "                               whether what serves at --web.listen-address\n"
	      "                               answers\n"
	      "\n"
	      "Flags (--flag=value or --flag value):\n",
	    file);
	print_entry(file, "-h, --help", "print this and exit");
	print_entry(file, "--version", "print the version and exit");
	for (size_t i = 0; i < flags_length; i++) {
		char name[128];

		snprintf(name, sizeof(name), "--%s%s%s", flags[i].name, flags[i].value ? "=" : "",
		    flags[i].value ? flags[i].value : "");
		print_entry(file, name, flags[i].help);
	}
	fputs("\nCollectors:\n", file);
	print_entry(file, "--collector.disable-defaults",
	    "switch every collector off that is not switched on by its own flag");
	for (size_t i = 0; i < collectors_length; i++)
		print_collector(file, collectors[i]);
	fputs("\nExit status: 0 done; 1 it failed; 2 the command line is wrong.\n", file);
}
