// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/destinations_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/views/destinations_everywhere.h"
#include "exporter/answers/destinations_json.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"
#include "exporter/commands/kernel_tables.h"

#define NUMBERS_WIDTH 33 /* " ACTIVE TIME_WAIT REUSABLE  SHARE" */

static size_t longest_title(const struct destinations_everywhere *found)
{
	size_t longest = strlen("NETWORK NAMESPACE");

	for (size_t i = 0; i < found->length; i++) {
		char title[NAMESPACE_TITLE];

		namespace_title(found->list[i].place->namespace, title);
		if (strlen(title) > longest)
			longest = strlen(title);
	}
	return longest;
}

/* Whose most of the ports are, behind so many columns, or on a line of its own. */
static void print_owner(const struct destination_row *row, int column, int width)
{
	const struct owner_name *most = row->owned.length ? &row->owned.names[0] : NULL;
	char *owner =
	    most ? strdup(owner_name_is_known(most) ? most->path : "a cgroup that is gone") : NULL;

	if (owner) {
		text_make_printable(owner);
		if (column + 5 + (int)strlen(owner) > width)
			column = printf("\n   ") - 1;
		column += printf("  by ");
		terminal_print_clipped(owner, (size_t)(width - column));
	}
	putchar('\n');
	free(owner);
}

static void print_row(const struct destination_found *found, int column, int width)
{
	const struct destination *destination = &found->row->destination;
	char title[NAMESPACE_TITLE];
	char text[NAMESPACE_TITLE];

	namespace_title(found->place->namespace, title);
	if (strlen(title) > (size_t)column) {
		terminal_print_clipped(title, (size_t)width);
		putchar('\n');
		title[0] = '\0';
	}
	printf("%-*s %6u %9u %8u %5.1f%%\n", column, title, destination->ports[PORT_ACTIVE],
	    destination->ports[PORT_TIME_WAIT], destination->ports[PORT_REUSABLE],
	    found->share * 100);
	namespace_destination_format(destination, text);
	print_owner(found->row, printf("  %s", text), width);
}

static void print_table(const struct destinations_everywhere *found)
{
	const int width = terminal_width();
	const size_t longest = longest_title(found);
	const int room = width - NUMBERS_WIDTH;
	const int column = longest < (size_t)room ? (int)longest : room;

	if (found->length)
		printf("%-*s %6s %9s %8s %6s\n", column, "NETWORK NAMESPACE", "ACTIVE", "TIME_WAIT",
		    "REUSABLE", "SHARE");
	else
		puts("No outgoing connection holds a port, in any network namespace.");
	for (size_t i = 0; i < found->length; i++)
		print_row(&found->list[i], column, width);
	if (found->destinations > found->length)
		printf("\nAnd %zu more (--limit).\n", found->destinations - found->length);
	if (found->lacks_cgroups)
		puts("\nOwners are unknown: cgroup version 2 is not mounted below --path.sysfs.");
}

static int print_json(const struct destinations_everywhere *found)
{
	struct json *root = json_new_object();
	struct json *list = json_add_array(root, "destinations");

	for (size_t i = 0; i < found->length; i++) {
		const struct destination_place *place = found->list[i].place;
		struct json *object = json_append_object(list);

		namespace_json_add_names(object, place->namespace);
		json_add_number(object, "usable_ports", place->rows->capacity);
		destination_json_add_all(object, found->list[i].row, place->rows->capacity);
	}
	json_add_number(root, "total", (double)found->destinations);

	char *text = json_print(root);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(root);
	return result;
}

static int show(void *context)
{
	const struct options *options = context;
	struct destinations_everywhere *found;
	int result = destinations_everywhere_read(&options->source, options->sysfs, options->pods,
	    options->namespaces.names, options->limit, &found);

	if (result < 0)
		return result;
	if (options->json) {
		result = print_json(found);
	} else {
		if (options->watch && isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout); /* from the top, on an empty screen */
		print_table(found);
		if (options->watch && !isatty(STDOUT_FILENO))
			putchar('\n');
	}
	destinations_everywhere_free(found);
	return result < 0 ? result : terminal_flush();
}

int destinations_all(struct options *options, const char **ret_reason)
{
	int result = kernel_tables_open_all(options, ret_reason);

	if (result == 0)
		result = options->watch ? terminal_watch(show, options) : show(options);
	if (result == -EOPNOTSUPP && options->source.walk)
		*ret_reason = kernel_tables_changed;
	kernel_tables_close(options);
	return result;
}
