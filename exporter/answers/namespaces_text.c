// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/namespaces_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_json.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"

#define TABLE_WIDTH 60	 /* narrower, the numbers are sentences */
#define NUMBERS_WIDTH 41 /* "  SOCKETS TIME_WAIT  USABLE    USED  SHARE" without the first */

void namespace_title(const struct namespace_row *row, char text[static NAMESPACE_TITLE])
{
	const struct netns_labels *labels = &row->labels;

	if (labels->pod)
		snprintf(text, NAMESPACE_TITLE, "%s/%s",
		    labels->namespace_name ? labels->namespace_name : "?", labels->pod);
	else
		snprintf(text, NAMESPACE_TITLE, "%s", labels->netns ? labels->netns : "?");
	text_make_printable(text);
}

static size_t longest_title(const struct namespace_rows *rows, size_t limit)
{
	size_t longest = strlen("NETWORK NAMESPACE");

	for (size_t i = 0; i < rows->length && i < limit; i++) {
		char title[NAMESPACE_TITLE];

		namespace_title(&rows->list[i], title);
		if (strlen(title) > longest)
			longest = strlen(title);
	}
	return longest;
}

/* Adds ", WORD NAME" to text. */
static void add_detail(char text[static NAMESPACE_TITLE], const char *word, const char *name)
{
	const size_t length = strlen(text);

	snprintf(text + length, NAMESPACE_TITLE - length, "%s%s%s", length ? ", " : "", word, name);
}

/* What is known of it besides its title, printable; empty: nothing. */
static void describe(const struct namespace_row *row, char text[static NAMESPACE_TITLE])
{
	const struct netns_labels *labels = &row->labels;

	*text = '\0';
	if (row->flags & WALK_FIRST)
		add_detail(text, "the host's own", "");
	if (row->flags & WALK_READER)
		add_detail(text, "where this command runs", "");
	if (labels->pod && labels->netns)
		add_detail(text, "netns ", labels->netns);
	if (labels->pod_uid && !labels->pod)
		add_detail(text, "pod ", labels->pod_uid);
	if (labels->container)
		add_detail(text, "container ", labels->container);
	text_make_printable(text);
}

static void print_description(const struct namespace_row *row, int width)
{
	char text[NAMESPACE_TITLE];

	describe(row, text);
	if (!*text)
		return;
	fputs("  ", stdout);
	terminal_print_clipped(text, (size_t)width - 2);
	putchar('\n');
}

void namespace_print_heading(const struct namespace_row *row)
{
	char title[NAMESPACE_TITLE];
	char text[NAMESPACE_TITLE];

	namespace_title(row, title);
	describe(row, text);
	printf("%s%s%s:\n", title, *text ? ", " : "", text);
}

void namespace_destination_format(
    const struct destination *destination, char text[static NAMESPACE_TITLE])
{
	const bool is_ipv6 = destination->family == SOCKET_IPV6;
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];
	char source[SOCKET_ADDRESS_TEXT];

	socket_address_format(&destination->address, destination->family, 0, address);
	socket_endpoint_format(address, destination->family, destination->port, endpoint);
	socket_address_format(&destination->source, destination->family, 0, source);
	snprintf(text, NAMESPACE_TITLE, "to %s from %s%s%s", endpoint, is_ipv6 ? "[" : "", source,
	    is_ipv6 ? "]" : "");
}

static void print_fullest(const struct namespace_row *row, int width)
{
	char text[NAMESPACE_TITLE];

	if (row->result.used == 0)
		return;
	namespace_destination_format(&row->result.fullest, text);
	if (width < TABLE_WIDTH)
		terminal_print_wrapped(text, 2, width);
	else
		printf("  %s\n", text);
}

void namespace_explain(const struct namespace_row *row, char text[static NAMESPACE_TITLE])
{
	const struct survey_result *result = &row->result;
	const struct port_range range = result->range;
	const unsigned size = port_range_size(range);

	text[0] = '\0';
	if (result->usable)
		return;
	if (result->reserved == size)
		snprintf(text, NAMESPACE_TITLE,
		    "no port is usable: all %u from %u to %u are reserved", size, range.first,
		    range.last);
	else if (result->held == size)
		snprintf(text, NAMESPACE_TITLE,
		    "no port is usable: bind() holds all %u from %u to %u", size, range.first,
		    range.last);
	else
		snprintf(text, NAMESPACE_TITLE,
		    "no port is usable: of the %u from %u to %u, %u reserved, %u held by bind()",
		    size, range.first, range.last, result->reserved, result->held);
}

static void print_why(const struct namespace_row *row, int width)
{
	char text[NAMESPACE_TITLE];

	namespace_explain(row, text);
	if (*text)
		terminal_print_wrapped(text, 2, width);
}

static void print_row(const struct namespace_row *row, int column, int width)
{
	const struct survey_result *result = &row->result;
	char title[NAMESPACE_TITLE];

	namespace_title(row, title);
	/* A name that leaves no room for the numbers has a line of its own. */
	if (strlen(title) > (size_t)column) {
		terminal_print_clipped(title, (size_t)width);
		putchar('\n');
		title[0] = '\0';
	}
	printf("%-*s %9lu %9lu %7u %6u %5.1f%%\n", column, title, result->sockets,
	    result->time_wait, result->usable, result->used, result->ratio * 100);
	print_fullest(row, width);
	print_why(row, width);
	print_description(row, width);
}

/* The same where columns have no room. */
static void print_narrow(const struct namespace_row *row, int width)
{
	const struct survey_result *result = &row->result;
	char title[NAMESPACE_TITLE];
	char numbers[128];

	namespace_title(row, title);
	terminal_print_clipped(title, (size_t)width);
	putchar('\n');
	snprintf(numbers, sizeof(numbers), "%.1f%%: %u of %u ports, %lu sockets, %lu in TIME_WAIT",
	    result->ratio * 100, result->used, result->usable, result->sockets, result->time_wait);
	terminal_print_wrapped(numbers, 2, width);
	print_fullest(row, width);
	print_why(row, width);
	print_description(row, width);
}

static void print_rows(const struct namespace_rows *rows, size_t limit, int width)
{
	const size_t longest = longest_title(rows, limit);
	const int room = width - NUMBERS_WIDTH - 1;
	const int column = longest < (size_t)room ? (int)longest : room;

	printf("%-*s %9s %9s %7s %6s %6s\n", column, "NETWORK NAMESPACE", "SOCKETS", "TIME_WAIT",
	    "USABLE", "USED", "SHARE");
	for (size_t i = 0; i < rows->length && i < limit; i++)
		print_row(&rows->list[i], column, width);
}

void namespaces_print(
    const struct namespace_rows *rows, size_t limit, int width, const char *reason)
{
	unsigned long untracked = 0;
	char text[96];

	if (width >= TABLE_WIDTH)
		print_rows(rows, limit, width);
	for (size_t i = 0; i < rows->length; i++) {
		if (i < limit && width < TABLE_WIDTH)
			print_narrow(&rows->list[i], width);
		untracked += rows->list[i].result.untracked;
	}
	if (rows->length > limit)
		printf("\nAnd %zu more (%s).\n", rows->length - limit, reason);
	if (!untracked)
		return;
	snprintf(text, sizeof(text),
	    "Destinations of %lu connections had no place: some may be fuller.", untracked);
	putchar('\n');
	terminal_print_wrapped(text, 0, width);
}

static void add_string(struct json *object, const char *key, const char *value)
{
	if (value)
		json_add_string(object, key, value);
}

static void add_fullest(struct json *object, const struct namespace_row *row)
{
	const struct destination *fullest = &row->result.fullest;
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(&fullest->source, fullest->family, 0, text);
	json_add_string(object, "source", text);
	socket_address_format(&fullest->address, fullest->family, 0, text);
	json_add_string(object, "destination", text);
	json_add_number(object, "destination_port", fullest->port);
	json_add_string(object, "family", socket_family_name(fullest->family));
	json_add_number(object, "ports", row->result.used);
}

void namespace_json_add_names(struct json *object, const struct namespace_row *row)
{
	add_string(object, "netns", row->labels.netns);
	json_add_number(object, "inode", row->inode);
	add_string(object, "namespace", row->labels.namespace_name);
	add_string(object, "pod", row->labels.pod);
	add_string(object, "pod_uid", row->labels.pod_uid);
	add_string(object, "container", row->labels.container);
	json_add_bool(object, "is_host", row->flags & WALK_FIRST);
	json_add_bool(object, "is_own", row->flags & WALK_READER);
}

void namespace_json_add_ports(struct json *object, const struct namespace_row *row)
{
	const struct survey_result *result = &row->result;

	port_json_add_range(json_add_object(object, "range"), result->range);
	json_add_number(object, "reserved_ports", result->reserved);
	json_add_number(object, "held_ports", result->held);
	json_add_number(object, "usable_ports", result->usable);
}

static void add_row(struct json *object, const struct namespace_row *row)
{
	const struct survey_result *result = &row->result;

	namespace_json_add_names(object, row);
	json_add_number(object, "sockets", (double)result->sockets);
	json_add_number(object, "time_wait", (double)result->time_wait);
	json_add_number(object, "leased_ports", (double)result->leased);
	namespace_json_add_ports(object, row);
	json_add_number(object, "usage_ratio", result->ratio);
	json_add_number(object, "untracked_ports", (double)result->untracked);
	if (result->used)
		add_fullest(json_add_object(object, "fullest_destination"), row);
}

void namespaces_json_add(struct json *object, const struct namespace_rows *rows, size_t limit)
{
	struct json *list = json_add_array(object, "namespaces");

	for (size_t i = 0; i < rows->length && i < limit; i++)
		add_row(json_append_object(list), &rows->list[i]);
	json_add_number(object, "total", (double)rows->length);
}
