// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/snat_text.h"

#include <stdio.h>
#include <string.h>

#include "exporter/answers/port_json.h"
#include "exporter/base/terminal.h"

#define NUMBERS_WIDTH 30 /* "  ACTIVE CLOSING     OF  SHARE" */
#define NAME_SIZE (SOCKET_ENDPOINT_TEXT + 8)
/* A smaller chance is not worth a line: at half of 64,512 ports it is 1 in 10^74. */
#define LOSS_TOLD 0.0001

/* "tcp 10.77.2.2:443" */
static void format_name(const struct snat_row *row, char text[static NAME_SIZE])
{
	const struct destination *pool = &row->pool;
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	socket_address_format(&pool->address, pool->family, 0, address);
	socket_endpoint_format(address, pool->family, pool->port, endpoint);
	snprintf(text, NAME_SIZE, "%s %s", socket_protocol_name(row->protocol), endpoint);
}

static int name_width(const struct snat_rows *rows, size_t length, int width)
{
	int longest = (int)strlen("DESTINATION");

	for (size_t i = 0; i < length; i++) {
		char text[NAME_SIZE];

		format_name(&rows->list[i], text);
		if ((int)strlen(text) > longest)
			longest = (int)strlen(text);
	}
	return longest + NUMBERS_WIDTH > width ? width - NUMBERS_WIDTH : longest;
}

/* A line that goes on in the next one where the next word has no room. */
struct line {
	int column;
	int width;
};

/* "  by 10.77.1.3 (7)", and behind the first one ", 10.77.1.2 (3)". */
static void put_share(struct line *line, const char *who, unsigned long ports, bool *first)
{
	char word[SOCKET_ADDRESS_TEXT + 40];
	const int length =
	    snprintf(word, sizeof(word), "%s%s (%lu)", *first ? " by " : "", who, ports);

	if (!*first)
		line->column += printf(",");
	/* The next comma has room, too. */
	if (line->column + 1 + length + 1 > line->width)
		line->column = printf("\n   ") - 1;
	line->column += printf(" %s", word);
	*first = false;
}

static void print_details(const struct snat_row *row, int width)
{
	const struct destination *pool = &row->pool;
	unsigned long others = pool->ports[SNAT_ACTIVE];
	const bool ipv6 = pool->family == SOCKET_IPV6;
	char text[SOCKET_ADDRESS_TEXT];
	struct line line = {.width = width};
	bool first = true;

	socket_address_format(&pool->source, pool->family, 0, text);
	line.column = printf("  from %s%s%s", ipv6 ? "[" : "", text, ipv6 ? "]" : "");
	if (snat_pool_zone(pool))
		line.column += printf(" in zone %u", snat_pool_zone(pool));
	for (size_t i = 0; i < row->clients_length; i++) {
		socket_address_format(&row->clients[i].address, pool->family, 0, text);
		put_share(&line, text, row->clients[i].ports, &first);
		others -= row->clients[i].ports;
	}
	if (others && row->clients_length)
		put_share(&line, "others", others, &first);
	if (pool->ports[SNAT_PLAIN])
		put_share(&line, "not translated", pool->ports[SNAT_PLAIN], &first);
	putchar('\n');
	if (row->loss >= 1)
		puts("  Full: no new connection gets a port.");
	else if (row->loss >= LOSS_TOLD)
		printf("  About %.*f%% of new connections find no port.\n",
		    row->loss < 0.01 ? 2 : 1, row->loss * 100);
}

static void print_row(
    const struct snat_rows *rows, const struct snat_row *row, int column, int width)
{
	char text[NAME_SIZE];

	format_name(row, text);
	/* An address that leaves no room for the numbers has a line of its own. */
	if (strlen(text) > (size_t)column)
		printf("%s\n", text);
	printf("%-*s  %6u %7u %6u %5.1f%%\n", column, strlen(text) > (size_t)column ? "" : text,
	    destination_used(&row->pool), row->pool.ports[SNAT_CLOSING],
	    port_range_size(rows->range), row->share * 100);
	print_details(row, width);
}

static const char *is_or_are(unsigned long pools)
{
	return pools == 1 ? " is" : "s are";
}

/* What people see of it is only that a connection takes a second, or three. */
static void print_meaning(const struct snat_rows *rows, int width)
{
	char text[512];
	int length;

	if (!rows->full && !rows->nearly_full)
		return;
	putchar('\n');
	if (rows->full && rows->nearly_full)
		length = snprintf(text, sizeof(text), "%lu pool%s full, %lu nearly so.", rows->full,
		    is_or_are(rows->full), rows->nearly_full);
	else if (rows->full)
		length = snprintf(
		    text, sizeof(text), "%lu pool%s full.", rows->full, is_or_are(rows->full));
	else
		length = snprintf(text, sizeof(text), "%lu pool%s nearly full.", rows->nearly_full,
		    is_or_are(rows->nearly_full));
	snprintf(text + length, sizeof(text) - (size_t)length,
	    " Where no port is found, the packet that begins a connection is dropped without an "
	    "error: connect() waits one second, then three, and UDP is lost. docs/snat.md says "
	    "what helps.");
	terminal_print_wrapped(text, 0, width);
}

static void print_nothing(const struct snat_rows *rows)
{
	if (rows->others == 1)
		puts("The only pool is not one that you asked for.");
	else if (rows->others)
		printf("None of %lu pools is one that you asked for.\n", rows->others);
	else
		puts("Source NAT holds no port of the range.");
}

static void print_range(const struct snat_rows *rows, int width)
{
	const unsigned size = port_range_size(rows->range);
	const bool is_assumed = rows->remark != NULL;
	char text[512];

	printf("Each destination can have the %u port%s from %u to %u (%s).\n", size,
	    size == 1 ? "" : "s", rows->range.first, rows->range.last,
	    is_assumed				 ? "assumed"
	    : strcmp(rows->origin, "rules") == 0 ? "as the rules say"
						 : "as you said");
	if (is_assumed) {
		snprintf(text, sizeof(text), "Why: %s.", rows->remark);
		terminal_print_wrapped(text, 0, width);
	}
	putchar('\n');
}

void snat_print(const struct snat_rows *rows, size_t limit, int width, const char *reason)
{
	const size_t length = rows->length < limit ? rows->length : limit;
	const int column = name_width(rows, length, width);
	const unsigned long more = rows->pools - length;
	unsigned long shown = 0;

	print_range(rows, width);
	if (rows->pools == 0)
		print_nothing(rows);
	else
		printf("%-*s  %6s %7s %6s %6s\n", column, "DESTINATION", "ACTIVE", "CLOSING", "OF",
		    "SHARE");
	for (size_t i = 0; i < length; i++) {
		print_row(rows, &rows->list[i], column, width);
		shown += destination_total(&rows->list[i].pool);
	}
	if (more)
		printf("\nAnd %lu more with %lu port%s (%s).\n", more, rows->ports - shown,
		    rows->ports - shown == 1 ? "" : "s", reason);
	if (rows->untracked)
		printf("\n%lu ports of more pools were not counted "
		       "(--collector.snat.tracked-limit).\n",
		    rows->untracked);
	print_meaning(rows, width);
}

static void add_row(struct json *object, const struct snat_row *row)
{
	const struct destination *pool = &row->pool;
	char text[SOCKET_ADDRESS_TEXT];
	struct json *clients;

	json_add_string(object, "protocol", socket_protocol_name(row->protocol));
	json_add_string(object, "family", socket_family_name(pool->family));
	socket_address_format(&pool->source, pool->family, 0, text);
	json_add_string(object, "source", text);
	socket_address_format(&pool->address, pool->family, 0, text);
	json_add_string(object, "destination", text);
	json_add_number(object, "destination_port", pool->port);
	if (snat_pool_zone(pool))
		json_add_number(object, "zone", snat_pool_zone(pool));
	json_add_number(object, "active", destination_used(pool));
	json_add_number(object, "not_translated", pool->ports[SNAT_PLAIN]);
	json_add_number(object, "closing", pool->ports[SNAT_CLOSING]);
	json_add_number(object, "usage_ratio", row->share);
	json_add_number(object, "loss_ratio", row->loss);
	clients = json_add_array(object, "clients");
	for (size_t i = 0; i < row->clients_length; i++) {
		struct json *client = json_append_object(clients);

		socket_address_format(&row->clients[i].address, pool->family, 0, text);
		json_add_string(client, "address", text);
		json_add_number(client, "ports", (double)row->clients[i].ports);
	}
}

void snat_json_add(struct json *object, const struct snat_rows *rows, size_t limit)
{
	struct json *range = json_add_object(object, "range");
	struct json *list;

	port_json_add_range(range, rows->range);
	json_add_string(range, "origin", rows->origin);
	if (rows->remark)
		json_add_string(range, "remark", rows->remark);
	json_add_number(object, "snat_pools_total", (double)rows->pools);
	json_add_number(object, "ports_total", (double)rows->ports);
	json_add_number(object, "ports_not_counted", (double)rows->untracked);
	list = json_add_array(object, "snat_pools");
	for (size_t i = 0; i < rows->length && i < limit; i++)
		add_row(json_append_object(list), &rows->list[i]);
}
