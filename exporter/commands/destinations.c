// SPDX-License-Identifier: Apache-2.0
/* `ephemera destinations`: the fullest destinations, as a table for people. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/views/destination_rows.h"
#include "exporter/answers/destinations_json.h"
#include "exporter/answers/pools.h"
#include "exporter/answers/resolver.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/destinations_all.h"
#include "exporter/commands/destinations_snat.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"

/* In an incident DNS is often dead as well: the table must not wait for it. */
#define RESOLVER_SECONDS 2

extern const struct command destinations_command;

#define NUMBERS_WIDTH 33 /* " ACTIVE TIME_WAIT REUSABLE  SHARE" */

static void format_destination(
    const struct destination *destination, char text[static SOCKET_ENDPOINT_TEXT])
{
	char address[SOCKET_ADDRESS_TEXT];

	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	text_make_printable(address); /* it may end in an interface's name */
	socket_endpoint_format(address, destination->family, destination->port, text);
}

/* What a cgroup's directory is called is its maker's choice: it must not move the cursor. */
static char *printable_owner(const struct owner_name *most)
{
	char *owner = strdup(owner_name_is_known(most) ? most->path : "a cgroup that is gone");

	if (owner)
		text_make_printable(owner);
	return owner;
}

static void print_details(const struct destination_row *row, const char *name, int width)
{
	char source[SOCKET_ADDRESS_TEXT];
	char *owner =
	    row->owned.length ? printable_owner(&row->owned.names[row->shown_owner]) : NULL;
	const struct destination *destination = &row->destination;
	int column = 0;

	destination_source_format(destination, source);
	text_make_printable(source);
	if (name[0]) {
		fputs("  ", stdout);
		terminal_print_clipped(name, (size_t)width - 2);
		putchar('\n');
	}
	column += printf("  from %s%s%s", destination->family == SOCKET_IPV6 ? "[" : "", source,
	    destination->family == SOCKET_IPV6 ? "]" : "");
	if (owner) {
		const int wanted = (int)strlen(owner) + 5;

		if (column + wanted > width)
			column = printf("\n   ") - 1;
		column += printf("  by ");
		terminal_print_clipped(owner, (size_t)(width - column));
	}
	putchar('\n');
	if (destination->shared)
		printf("  %u more in use by sockets that are bound to no interface\n",
		    destination->shared);
	free(owner);
}

static int destination_width(const struct destination_rows *rows, int width)
{
	int longest = (int)strlen("DESTINATION");

	for (size_t i = 0; i < rows->length; i++) {
		char text[SOCKET_ENDPOINT_TEXT];

		format_destination(&rows->list[i].destination, text);
		if ((int)strlen(text) > longest)
			longest = (int)strlen(text);
	}
	return longest + NUMBERS_WIDTH > width ? width - NUMBERS_WIDTH : longest;
}

static void print_bound_owner(const char *path, unsigned long ports, int width)
{
	char *name = strdup(path);
	const int column = printf("%6lu  ", ports);

	if (name) {
		text_make_printable(name);
		terminal_print_clipped(name, (size_t)(width - column));
	}
	putchar('\n');
	free(name);
}

/* The ports that every destination has lost, and whose they are. */
static void print_bound(const struct destination_rows *rows, size_t limit, int width)
{
	const struct bound_owned *bound = &rows->bound;
	unsigned long others = bound->other;
	const unsigned ports = bound->ports.listen + bound->ports.bound + bound->ports.connected;

	if (!ports) {
		putchar('\n');
		return;
	}
	printf("bind() holds %u, lost to all destinations: %u of listeners, %u idle, %u "
	       "connected.\n\n",
	    ports, bound->ports.listen, bound->ports.bound, bound->ports.connected);
	puts(" PORTS  BOUND BY");
	for (size_t i = 0; i < bound->length; i++) {
		if (i < limit)
			print_bound_owner(bound->names[i].path, bound->names[i].count, width);
		else
			others += bound->names[i].count;
	}
	if (others)
		print_bound_owner("other cgroups (--limit)", others, width);
	if (bound->unowned)
		print_bound_owner("without a cgroup, such as TIME_WAIT", bound->unowned, width);
	putchar('\n');
}

/* names: NULL, or those of the rows' peers. most: rows that --limit allows. */
static void print_table(
    const struct destination_rows *rows, const struct resolver *names, size_t limit, size_t most)
{
	const size_t length = rows->length < limit ? rows->length : limit;
	const int width = terminal_width();
	const int column = destination_width(rows, width);
	unsigned long shown = 0;

	printf("Each destination can have %s%u of the %u ports from %u to %u.\n",
	    rows->source == SOURCE_PROCFS ? "at most " : "", rows->capacity,
	    port_range_size(rows->settings.range), rows->settings.range.first,
	    rows->settings.range.last);
	print_bound(rows, limit, width);
	if (length)
		printf("%-*s %6s %9s %8s %6s\n", column, "DESTINATION", "ACTIVE", "TIME_WAIT",
		    "REUSABLE", "SHARE");
	for (size_t i = 0; i < length; i++) {
		const struct destination *destination = &rows->list[i].destination;
		char text[SOCKET_ENDPOINT_TEXT];

		format_destination(destination, text);
		/* An address that leaves no room for the numbers has a line of its own. */
		if (strlen(text) > (size_t)column)
			printf("%s\n", text);
		printf("%-*s %6u %9u %8u %5.1f%%\n", column,
		    strlen(text) > (size_t)column ? "" : text, destination->ports[PORT_ACTIVE],
		    destination->ports[PORT_TIME_WAIT], destination->ports[PORT_REUSABLE],
		    destination_share(destination, rows->capacity) * 100);
		print_details(&rows->list[i], names ? resolver_name(names, i) : "", width);
		shown += destination_total(destination);
	}
	if (rows->destinations == 0 && rows->others)
		printf("None of %lu destinations is one that you asked for.\n", rows->others);
	else if (rows->destinations == 0)
		puts("No outgoing connection holds a port of the range.");
	else if (rows->destinations > length)
		printf("\nAnd %zu more with %lu ports (%s).\n", (size_t)rows->destinations - length,
		    rows->ports - shown, terminal_reason(limit, most));
	if (rows->unsearched)
		printf("\nOf %lu more destinations, the less full ones, the owners were not "
		       "searched.\n",
		    rows->unsearched);
	if (names && resolver_unanswered(names))
		printf("\nThe resolver gave no answer for %zu of %zu addresses within %d s.\n",
		    resolver_unanswered(names), resolver_addresses(names), RESOLVER_SECONDS);
}

static void print_notes(const struct destination_rows *rows, const struct pool_rows *pools,
    const struct options *options)
{
	if (!rows->sees_buckets && rows->destinations) {
		putchar('\n');
		terminal_print_wrapped(
		    "Without CAP_BPF and CAP_PERFMON two things are not seen. A port that bind() "
		    "took before connect() is lost to all destinations, but counts only for its "
		    "own. A TIME_WAIT that connect() may reuse counts as used.",
		    0, terminal_width());
	}
	if (rows->lacks_cgroups && (rows->length || pools->length))
		puts("\nOwners are unknown: cgroup version 2 is not mounted below --path.sysfs.");
	if (rows->source == SOURCE_PROCFS)
		terminal_print_source_note(options->source.kind == SOURCE_AUTO);
}

struct answer {
	const struct destination_rows *rows;
	const struct pool_rows *pools;
	const struct resolver *names;
	const struct options *options;
};

/* Where there is no room for all, that is for destinations. */
static void print_answer(const void *context, size_t limit)
{
	const struct answer *answer = context;
	const size_t most = answer->options->limit;
	/* They have no peers. */
	const bool has_pools = !filter_is_asked(answer->options) && answer->pools->length;

	print_table(answer->rows, answer->names, limit, most);
	if (limit < most) {
		if (has_pools)
			puts("\nPools of UDP and of bind() are left out (the terminal is full).");
		return;
	}
	if (has_pools)
		pools_print(answer->pools, &answer->rows->settings);
	print_notes(answer->rows, answer->pools, answer->options);
}

static int print_json(const struct answer *answer)
{
	const struct options *options = answer->options;
	const struct destinations_json how = {options->limit, true, answer->names};
	struct json *object = json_new_object();

	destinations_json_add(object, answer->rows, &how);
	if (filter_is_asked(options))
		json_add_number(object, "destinations_not_asked_for", (double)answer->rows->others);
	else
		pools_json_add(object, answer->pools, &answer->rows->settings);
	if (options->by)
		json_add_number(
		    object, "destinations_not_searched", (double)answer->rows->unsearched);

	char *text = json_print(object);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(object);
	return result;
}

static int resolve(const struct destination_rows *rows, size_t limit, struct resolver **ret_names)
{
	const size_t length = rows->length < limit ? rows->length : limit;
	struct resolver_address *addresses = calloc(length + 1, sizeof(*addresses));
	int result = -ENOMEM;

	for (size_t i = 0; addresses && i < length; i++) {
		const struct destination *destination = &rows->list[i].destination;

		addresses[i] = (struct resolver_address){
		    destination->address, destination->family, destination->interface};
	}
	if (addresses)
		result = resolver_run(addresses, length, RESOLVER_SECONDS * 1000, ret_names);
	free(addresses);
	return result;
}

static int answer_with(const struct options *options, const struct destination_rows *rows)
{
	struct answer answer = {.rows = rows, .options = options};
	struct resolver *names = NULL;
	struct pool_rows *pools;
	int result = pool_rows_read(&options->source, options->sysfs, &pools);

	if (result < 0)
		return result;
	if (options->resolve)
		result = resolve(rows, options->limit, &names);
	answer.pools = pools;
	answer.names = names;
	if (result == 0 && options->json)
		result = print_json(&answer);
	else if (result == 0 && options->watch)
		result = terminal_show(print_answer, &answer, options->limit);
	else if (result == 0)
		print_answer(&answer, options->limit);
	pool_rows_free(pools);
	resolver_free(names);
	return result;
}

static int show(const struct options *options)
{
	struct destinations_asked asked = {.peers = filter_peers(options)};
	struct destination_rows *rows;
	int result = filter_open_owners(options, &asked.owners);

	if (result < 0)
		return result;
	result =
	    destination_rows_read(&options->source, options->sysfs, &asked, options->limit, &rows);
	owner_filter_free(asked.owners);
	if (result < 0)
		return result;
	result = answer_with(options, rows);
	destination_rows_free(rows);
	return result < 0 ? result : terminal_flush();
}

static int show_again(void *context)
{
	const struct options *options = context;
	const int result = show(options);

	if (result == 0 && !options->json && !isatty(STDOUT_FILENO))
		putchar('\n');
	return result;
}

static int run_destinations(struct options *options)
{
	char error[NAMESPACE_ERROR_SIZE];
	const char *reason = NULL;
	int result;

	if (namespace_is_all(options)) {
		result = destinations_all(options, &reason);
		return command_end(&destinations_command, result, reason);
	}
	result = namespace_enter(options, error);

	if (result < 0)
		return command_end(&destinations_command, result, error);
	if (options->snat) {
		result = destinations_snat(options, &reason);
		return command_end(&destinations_command, result, reason);
	}
	if (kernel_tables_open(options, KERNEL_TABLES_PEOPLE) < 0)
		return EXIT_FAILED;
	result = options->watch ? terminal_watch(show_again, options) : show(options);
	kernel_tables_close(options);
	return command_end(&destinations_command, result, NULL);
}

static int check_destinations(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (namespace_is_all(options) && options->resolve)
		return option_fail(error, "--namespace=all and --resolve cannot be combined");
	if (destinations_snat_check(options, error) < 0)
		return -EINVAL;
	return namespace_check(options, error);
}

static const struct command_example examples[] = {
    {"See which destinations are running out of ports, refreshed every second",
	"ephemera destinations --watch"},
    {"See the fullest ones of every network namespace", "ephemera destinations --namespace=all"},
    {"See those of a pod", "ephemera destinations --namespace=shop/checkout-7d9f4c"},
    {"See which ports of source NAT are running out, and whose they are",
	"ephemera destinations --snat --snat-ports=40000-49999"},
    {NULL, NULL},
};

const struct command destinations_command = {
    .name = "destinations",
    .help = "print the fullest destinations as a table",
    .examples = examples,
    .takes_flags = true,
    .check = check_destinations,
    .run = run_destinations,
};
