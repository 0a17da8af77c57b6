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
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"

#define NUMBERS_WIDTH 40 /* " ACTIVE TIME_WAIT REUSABLE USABLE  SHARE" */

/* The next namespace without a usable port, from position on, which is set behind it; or NULL. */
static const struct namespace_row *next_full(const struct namespace_rows *rows, size_t *position)
{
	while (*position < rows->length) {
		const struct namespace_row *row = &rows->list[(*position)++];

		if (row->result.usable == 0)
			return row;
	}
	return NULL;
}

static size_t count_full(const struct namespace_rows *rows)
{
	size_t position = 0;
	size_t full = 0;

	while (next_full(rows, &position))
		full++;
	return full;
}

static size_t longer(size_t longest, const struct namespace_row *namespace)
{
	char title[NAMESPACE_TITLE];

	namespace_title(namespace, title);
	return strlen(title) > longest ? strlen(title) : longest;
}

static size_t longest_title(const struct destinations_everywhere *found, size_t full, size_t length)
{
	size_t longest = strlen("NETWORK NAMESPACE");
	size_t position = 0;

	for (size_t i = 0; i < length; i++)
		longest = longer(longest, found->list[i].place->namespace);
	for (size_t i = 0; i < full; i++)
		longest = longer(longest, next_full(found->namespaces, &position));
	return longest;
}

/* Whose most of the ports are, behind so many columns, or on a line of its own. */
static void print_owner(const struct destination_row *row, int column, int width)
{
	const struct owner_name *most =
	    row->owned.length ? &row->owned.names[row->shown_owner] : NULL;
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

static void print_title(const struct namespace_row *namespace, int column, int width)
{
	char title[NAMESPACE_TITLE];

	namespace_title(namespace, title);
	if (strlen(title) > (size_t)column) {
		terminal_print_clipped(title, (size_t)width);
		putchar('\n');
		title[0] = '\0';
	}
	printf("%-*s", column, title);
}

static void print_row(const struct destination_found *found, int column, int width)
{
	const struct destination *destination = &found->row->destination;
	char text[NAMESPACE_TITLE];

	print_title(found->place->namespace, column, width);
	printf(" %6u %9u %8u %6u %5.1f%%\n", destination->ports[PORT_ACTIVE],
	    destination->ports[PORT_TIME_WAIT], destination->ports[PORT_REUSABLE],
	    found->place->rows->capacity, found->share * 100);
	namespace_destination_format(destination, text);
	print_owner(found->row, printf("  %s", text), width);
}

/* No connection can have a port there, so it has no destination; what is wrong is told here. */
static void print_full(const struct namespace_row *namespace, int column, int width)
{
	char text[NAMESPACE_TITLE];

	print_title(namespace, column, width);
	printf(" %6u %9u %8u %6u %5.1f%%\n", 0u, 0u, 0u, 0u, 100.0);
	namespace_explain(namespace, text);
	terminal_print_wrapped(text, 2, width);
}

struct table {
	const struct destinations_everywhere *found;
	size_t most;
	bool is_part; /* not every destination was asked for, nor namespaces that have none */
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void print_table(const void *context, size_t limit)
{
	const struct table *table = context;
	const struct destinations_everywhere *found = table->found;
	const size_t all_full = table->is_part ? 0 : count_full(found->namespaces);
	const size_t full = least(all_full, limit);
	const size_t length = least(found->length, limit - full);
	const size_t more = all_full - full + found->destinations - length;
	const int width = terminal_width();
	size_t position = 0;
	const int column =
	    (int)least(longest_title(found, full, length), (size_t)(width - NUMBERS_WIDTH));

	if (full + length)
		printf("%-*s %6s %9s %8s %6s %6s\n", column, "NETWORK NAMESPACE", "ACTIVE",
		    "TIME_WAIT", "REUSABLE", "USABLE", "SHARE");
	else if (found->others)
		printf("None of %zu destinations, in any network namespace, is one that you asked "
		       "for.\n",
		    found->others);
	else
		puts("No outgoing connection holds a port, in any network namespace.");
	for (size_t i = 0; i < full; i++)
		print_full(next_full(found->namespaces, &position), column, width);
	for (size_t i = 0; i < length; i++)
		print_row(&found->list[i], column, width);
	if (more)
		printf("\nAnd %zu more (%s).\n", more, terminal_reason(limit, table->most));
	if (found->unsearched)
		printf("\nOf %zu more destinations, the less full ones, the owners were not "
		       "searched.\n",
		    found->unsearched);
	if (found->lacks_cgroups)
		puts("\nOwners are unknown: cgroup version 2 is not mounted below --path.sysfs.");
}

static void add_full(struct json *list, const struct destinations_everywhere *found, size_t limit)
{
	const size_t full = least(count_full(found->namespaces), limit);

	size_t position = 0;

	for (size_t i = 0; i < full; i++) {
		const struct namespace_row *row = next_full(found->namespaces, &position);
		struct json *object = json_append_object(list);

		namespace_json_add_names(object, row);
		namespace_json_add_ports(object, row);
	}
}

static int print_json(const struct destinations_everywhere *found, const struct options *options)
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
	if (filter_is_asked(options))
		json_add_number(root, "destinations_not_asked_for", (double)found->others);
	else
		add_full(json_add_array(root, "namespaces_without_ports"), found, options->limit);
	if (options->by)
		json_add_number(root, "destinations_not_searched", (double)found->unsearched);

	char *text = json_print(root);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(root);
	return result;
}

static int print_found(const struct destinations_everywhere *found, const struct options *options)
{
	const struct table table = {found, options->limit, filter_is_asked(options)};
	int result = 0;

	if (options->json)
		return print_json(found, options);
	if (options->watch)
		result = terminal_show(print_table, &table, options->limit);
	else
		print_table(&table, options->limit);
	if (options->watch && !isatty(STDOUT_FILENO))
		putchar('\n');
	return result;
}

static int show(void *context)
{
	const struct options *options = context;
	struct destinations_asked asked = {.peers = filter_peers(options)};
	struct destinations_everywhere *found;
	int result = filter_open_owners(options, &asked.owners);

	if (result < 0)
		return result;
	result = destinations_everywhere_read(&options->source, options->sysfs, options->pods,
	    options->namespaces.names, &asked, options->limit, &found);
	owner_filter_free(asked.owners);
	if (result < 0)
		return result;
	result = print_found(found, options);
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
