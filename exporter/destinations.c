// SPDX-License-Identifier: Apache-2.0
#include "exporter/destinations.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collectors/destination_rows.h"
#include "collectors/kernel/container.h"
#include "exporter/json.h"
#include "exporter/text.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 60
#define WIDTH_MAX 500
#define NUMBERS_WIDTH 33 /* " ACTIVE TIME_WAIT REUSABLE  SHARE" */
#define DESTINATION_TEXT (SOCKET_ADDRESS_TEXT + 10)
#define NAME_SIZE 256

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	if (size.ws_col < WIDTH_MIN)
		return WIDTH_MIN;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

static void format_destination(
    const struct destination *destination, char text[static DESTINATION_TEXT])
{
	char address[SOCKET_ADDRESS_TEXT];

	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	snprintf(text, DESTINATION_TEXT, destination->family == SOCKET_IPV6 ? "[%s]:%u" : "%s:%u",
	    address, destination->port);
}

/* The peer's name, or an empty string. This asks the resolver, which may take a while. */
static void resolve(const struct destination *destination, char name[static NAME_SIZE])
{
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6};
	struct sockaddr_in address4 = {.sin_family = AF_INET};
	const bool ipv4 = destination->family == SOCKET_IPV4;

	memcpy(&address4.sin_addr, destination->address.bytes, sizeof(address4.sin_addr));
	memcpy(&address6.sin6_addr, destination->address.bytes, sizeof(address6.sin6_addr));
	address6.sin6_scope_id = destination->interface;
	if (getnameinfo(ipv4 ? (struct sockaddr *)&address4 : (struct sockaddr *)&address6,
		ipv4 ? sizeof(address4) : sizeof(address6), name, NAME_SIZE, NULL, 0,
		NI_NAMEREQD) != 0)
		name[0] = '\0';
	text_make_printable(name);
}

static double share_of(const struct destination *destination, unsigned capacity)
{
	return capacity ? (double)destination_used(destination) / capacity : 1;
}

/* What a cgroup's directory is called is its maker's choice: it must not move the cursor. */
static char *printable_owner(const struct destination_row *row)
{
	char *owner = strdup(row->owner ? row->owner : "a cgroup that is gone");

	if (owner)
		text_make_printable(owner);
	return owner;
}

/* Of a long text the end tells more: paths differ there. */
static void print_clipped(const char *text, size_t width)
{
	const size_t length = strlen(text);

	if (length <= width) {
		fputs(text, stdout);
	} else if (width > 3) {
		text += length - (width - 3);
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++; /* the rest of a character that was cut in two */
		printf("...%s", text);
	}
}

static void print_details(const struct destination_row *row, const char *name, int width)
{
	char source[SOCKET_ADDRESS_TEXT];
	char *owner = row->owner_ports ? printable_owner(row) : NULL;
	const struct destination *destination = &row->destination;
	int column = 0;

	socket_address_format(
	    &destination->source, destination->family, destination->interface, source);
	if (name[0]) {
		fputs("  ", stdout);
		print_clipped(name, (size_t)width - 2);
		putchar('\n');
	}
	column += printf("  from %s%s%s", destination->family == SOCKET_IPV6 ? "[" : "", source,
	    destination->family == SOCKET_IPV6 ? "]" : "");
	if (owner) {
		const int wanted = (int)strlen(owner) + 5;

		if (column + wanted > width)
			column = printf("\n   ") - 1;
		column += printf("  by ");
		print_clipped(owner, (size_t)(width - column));
	}
	putchar('\n');
	free(owner);
}

static int destination_width(const struct destination_rows *rows, int width)
{
	int longest = (int)strlen("DESTINATION");

	for (size_t i = 0; i < rows->length; i++) {
		char text[DESTINATION_TEXT];

		format_destination(&rows->list[i].destination, text);
		if ((int)strlen(text) > longest)
			longest = (int)strlen(text);
	}
	return longest + NUMBERS_WIDTH > width ? width - NUMBERS_WIDTH : longest;
}

static void print_table(const struct destination_rows *rows, const struct options *options)
{
	const int width = terminal_width();
	const int column = destination_width(rows, width);
	unsigned long shown = 0;

	printf("Each destination can have %u of the %u ports from %u to %u.\n\n", rows->capacity,
	    port_range_size(rows->settings.range), rows->settings.range.first,
	    rows->settings.range.last);
	if (rows->length)
		printf("%-*s %6s %9s %8s %6s\n", column, "DESTINATION", "ACTIVE", "TIME_WAIT",
		    "REUSABLE", "SHARE");
	for (size_t i = 0; i < rows->length; i++) {
		const struct destination *destination = &rows->list[i].destination;
		char text[DESTINATION_TEXT];
		char name[NAME_SIZE] = "";

		format_destination(destination, text);
		if (options->resolve)
			resolve(destination, name);
		/* An address that leaves no room for the numbers has a line of its own. */
		if (strlen(text) > (size_t)column)
			printf("%s\n", text);
		printf("%-*s %6u %9u %8u %5.1f%%\n", column,
		    strlen(text) > (size_t)column ? "" : text, destination->ports[PORT_ACTIVE],
		    destination->ports[PORT_TIME_WAIT], destination->ports[PORT_REUSABLE],
		    share_of(destination, rows->capacity) * 100);
		print_details(&rows->list[i], name, width);
		shown += destination_total(destination);
	}
	if (rows->destinations == 0)
		puts("No outgoing connection holds a port of the range.");
	else if (rows->destinations > rows->length)
		printf("\nAnd %lu more with %lu ports (--limit).\n",
		    rows->destinations - rows->length, rows->ports - shown);
}

static void add_row(
    struct json *array, const struct destination_row *row, unsigned capacity, const char *name)
{
	const struct destination *destination = &row->destination;
	struct json *object = json_append_object(array);
	char text[SOCKET_ADDRESS_TEXT];
	struct container container = {{0}, {0}};

	socket_address_format(
	    &destination->source, destination->family, destination->interface, text);
	json_add_string(object, "source", text);
	socket_address_format(
	    &destination->address, destination->family, destination->interface, text);
	json_add_string(object, "destination", text);
	json_add_number(object, "destination_port", destination->port);
	json_add_string(object, "family", socket_family_name(destination->family));
	if (name[0])
		json_add_string(object, "name", name);
	json_add_number(object, "active", destination->ports[PORT_ACTIVE]);
	json_add_number(object, "time_wait", destination->ports[PORT_TIME_WAIT]);
	json_add_number(object, "reusable", destination->ports[PORT_REUSABLE]);
	json_add_number(object, "usage_ratio", share_of(destination, capacity));
	if (row->owner_ports == 0)
		return;

	struct json *owner = json_add_object(object, "owner");

	if (row->owner) {
		container_parse(row->owner, &container);
		json_add_string(owner, "cgroup", row->owner);
	}
	json_add_string(owner, "pod_uid", container.pod_uid);
	json_add_string(owner, "container_id", container.id);
	json_add_number(owner, "ports", row->owner_ports);
}

static int print_json(const struct destination_rows *rows, const struct options *options)
{
	struct json *object = json_new_object();
	struct json *range = json_add_object(object, "range");

	json_add_number(range, "first_port", rows->settings.range.first);
	json_add_number(range, "last_port", rows->settings.range.last);
	json_add_number(range, "ports", port_range_size(rows->settings.range));
	json_add_number(range, "usable_ports", rows->capacity);
	json_add_number(object, "destinations_total", (double)rows->destinations);
	json_add_number(object, "ports_total", (double)rows->ports);

	struct json *array = json_add_array(object, "destinations");

	for (size_t i = 0; i < rows->length; i++) {
		char name[NAME_SIZE] = "";

		if (options->resolve)
			resolve(&rows->list[i].destination, name);
		add_row(array, &rows->list[i], rows->capacity, name);
	}

	char *text = json_print(object);
	int result = text ? 0 : -ENOMEM;

	errno = 0;
	if (text && puts(text) < 0)
		result = errno ? -errno : -EIO;
	free(text);
	json_free(object);
	return result;
}

static int show(const struct options *options)
{
	struct destination_rows *rows;
	int result = destination_rows_read(&options->source, options->sysfs, options->limit, &rows);

	if (result < 0)
		return result;
	if (options->watch && !options->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout); /* from the top, on a screen that is empty */
	if (options->json)
		result = print_json(rows, options);
	else
		print_table(rows, options);
	destination_rows_free(rows);
	if (fflush(stdout) != 0 && result == 0)
		result = errno ? -errno : -EIO;
	return result;
}

/* Shows every second until a signal ends it. */
static int watch(const struct options *options)
{
	const struct timespec second = {.tv_sec = 1};
	sigset_t signals;
	int result;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	do {
		result = show(options);
		if (result == 0 && !options->json && !isatty(STDOUT_FILENO))
			putchar('\n');
	} while (result == 0 && sigtimedwait(&signals, NULL, &second) < 0);
	return result;
}

int run_destinations(const struct options *options)
{
	const int result = options->watch ? watch(options) : show(options);

	if (result == 0)
		return EXIT_SUCCESS;
	/* A reader that has seen enough is no failure of ours to talk about. */
	if (result != -EPIPE)
		fprintf(stderr, "ephemera: destinations: %s\n", strerrordesc_np(-result));
	return EXIT_FAILURE;
}
