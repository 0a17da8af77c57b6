// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_words.h"
#include "exporter/base/terminal.h"

/*
 * The kernel reads one page of a write and silently drops the rest (proc_do_large_bitmap() in
 * kernel/sysctl.c).
 */
#define WRITE_MAX 4000

#define SETTING "net.ipv4.ip_local_reserved_ports"
#define SETTING_PATH "/proc/sys/net/ipv4/ip_local_reserved_ports"

/*
 * A write that does not begin at the start of the file adds to the list. It must be one write: the
 * kernel would read a number that is cut in two as two numbers.
 */
#define APPEND " | dd of=" SETTING_PATH " bs=4k seek=1 conv=notrunc status=none"

static void format_range(struct port_range range, char text[static 16])
{
	if (range.first == range.last)
		snprintf(text, 16, "%u", range.first);
	else
		snprintf(text, 16, "%u-%u", range.first, range.last);
}

/* Adds the ports from *position on that fit into a write, and moves *position behind them. */
static void add_ports(struct text *text, const struct portset *ports, unsigned *position)
{
	const size_t start = text->length;
	struct port_range range;
	unsigned next = *position;

	while (portset_next_range(ports, &next, &range)) {
		char piece[16];

		format_range(range, piece);
		if (text->length - start + strlen(piece) + 1 > WRITE_MAX)
			return;
		if (text->length > start)
			text_add_char(text, ',');
		text_add_string(text, piece);
		*position = next;
	}
	*position = PORTS;
}

/* Those of ports that connect() could take. */
static struct portset unreserved(const struct settings *settings, const struct portset *ports)
{
	struct portset found = {0};

	portset_add_range(&found, settings->range);
	portset_keep(&found, ports);
	portset_remove(&found, &settings->reserved);
	return found;
}

bool port_advice_add_command(
    struct text *text, const struct settings *settings, const struct portset *ports)
{
	const size_t before = text->length;
	const struct portset wanted = unreserved(settings, ports);
	struct portset all = settings->reserved;
	unsigned position = 0;

	if (portset_count(&wanted) == 0)
		return false;
	/* The setting is one list: writing only the new ports would drop all the others. */
	portset_unite(&all, &wanted);
	text_add_string(text, "sysctl -w " SETTING "=");
	add_ports(text, &all, &position);
	if (position == PORTS)
		return true;
	text->length = before;
	for (position = 0; position < PORTS;) {
		text_add_string(text, position ? "\necho " : "echo ");
		add_ports(text, &wanted, &position);
		text_add_string(text, APPEND);
	}
	return true;
}

/*
 * A listener whose port the kernel picks at every start has nothing to reserve. A connection to
 * itself has the port of a service that is down, which it tried to reach.
 */
static bool is_services(const struct port_answer *answer)
{
	if (answer->has_lasting_listener)
		return true;
	for (size_t i = 0; i < answer->local.length; i++)
		if (port_connects_to_itself(&answer->local.list[i]) &&
		    answer->local.list[i].chosen != CHOSEN_YES)
			return true;
	return false;
}

void port_advice_find(
    const struct port_lookup *lookup, const struct portset *asked, struct port_advice *ret_advice)
{
	struct portset services = {0};
	struct portset left = {0};

	for (size_t i = 0; i < lookup->length; i++)
		if (is_services(&lookup->answers[i]) && portset_has(asked, lookup->answers[i].port))
			portset_add(&services, lookup->answers[i].port);
	ret_advice->ports = unreserved(&lookup->settings, &services);
	portset_add_range(&left, lookup->settings.range);
	portset_remove(&left, &lookup->settings.reserved);
	portset_remove(&left, &ret_advice->ports);
	ret_advice->left = portset_count(&left);
}

bool port_advice_add(
    struct text *text, const struct settings *settings, const struct port_advice *advice)
{
	return advice->left && port_advice_add_command(text, settings, &advice->ports);
}

static void print_lines(const char *lines)
{
	for (; *lines; lines += strcspn(lines, "\n"), lines += *lines == '\n')
		printf("  %.*s\n", (int)strcspn(lines, "\n"), lines);
}

void port_advice_print(const struct settings *settings, const struct port_advice *advice)
{
	const unsigned ports = portset_count(&advice->ports);
	const unsigned size = port_range_size(settings->range);
	struct text text = {0};
	char note[256];

	if (ports == 0)
		return;
	putchar('\n');
	if (!port_advice_add(&text, settings, advice)) {
		terminal_print_wrapped(
		    "Reserving the ports of these services would leave no port for connections. "
		    "Widen the range, or give the services ports outside it.",
		    0, terminal_width());
		return;
	}
	text_add_char(&text, '\0');
	if (ports == 1) {
		unsigned position = 0;
		struct port_range range;

		portset_next_range(&advice->ports, &position, &range);
		printf("To keep port %u for its service:\n", range.first);
	} else {
		printf("To keep %u ports for their services:\n", ports);
	}
	if (!text.error)
		print_lines(text.data);
	free(text.data);
	if (advice->left >= size / 2)
		return;
	snprintf(note, sizeof(note),
	    "Connections then have %u of the range's %u ports. Widen the range if that is too "
	    "few.",
	    advice->left, size);
	terminal_print_wrapped(note, 0, terminal_width());
}
