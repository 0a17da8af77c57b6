// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/port_age.h"
#include "exporter/answers/port_difference.h"
#include "exporter/answers/port_group.h"
#include "exporter/answers/port_holders.h"
#include "exporter/answers/port_place.h"
#include "exporter/answers/port_snat_text.h"
#include "exporter/answers/port_words.h"
#include "exporter/answers/user_name.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"

/* For a server with a process for each client, the first ones are enough. */
#define PROCESSES_SHOWN 3
#define DESCRIPTORS_SHOWN 8
#define ALIKE_SHOWN 5
#define ALIKE_LISTED (ALIKE_SHOWN + 1) /* "and 1 more" would use the line of the socket itself */

#define DESCRIPTOR_WIDTH 18 /* a number after its comma, and the end of the list */
#define COMMAND_WIDTH 16    /* less of a command is useless */

/* Takes ownership of text. It may quote names, so it is made printable. */
static void print_text(struct text *text, int indent)
{
	text_add_char(text, '\0');
	if (!text->error)
		text_make_printable(text->data);
	if (!text->error)
		terminal_print_wrapped(text->data, indent, terminal_width());
	free(text->data);
}

/* Anyone can choose the name of a process or a cgroup: it must not control the terminal. */
static void print_foreign(const char *foreign, int column, int width)
{
	char *copy = strdup(foreign);

	if (copy && column < width) {
		text_make_printable(copy);
		terminal_print_clipped(copy, (size_t)(width - column));
	}
	free(copy);
}

/* Clips a command at its end, which matters least, where there is no room for all of it. */
static void print_command(const char *command, int column, int width)
{
	char *copy = strdup(command);

	if (copy) {
		text_make_printable(copy);
		if (strlen(copy) > (size_t)(width - column)) {
			size_t end = (size_t)(width - column) - 3;

			while (end && ((unsigned char)copy[end] & 0xc0) == 0x80)
				end--; /* do not cut a character */
			printf("%.*s...", (int)end, copy);
		} else {
			fputs(copy, stdout);
		}
	}
	free(copy);
}

static void print_process(const struct process *process, const struct holding *holdings,
    size_t length, int indent, int width)
{
	char name[PROCESS_NAME_SIZE];
	size_t i;
	int column;

	snprintf(name, sizeof(name), "%s", process->name);
	text_make_printable(name);
	column = printf("%*s%s (pid %d, fd", indent, "", name, process->pid);
	for (i = 0; i < length && i < DESCRIPTORS_SHOWN && column + DESCRIPTOR_WIDTH < width; i++)
		column += printf("%s%d", i ? "," : " ", holdings[i].fd);
	column += printf("%s)", i < length ? ",..." : "");
	if (process->command && strcmp(process->command, process->name) != 0 &&
	    column + COMMAND_WIDTH < width) {
		column += printf(": ");
		print_command(process->command, column, width);
	}
	putchar('\n');
}

static void print_processes(
    const struct port_lookup *lookup, const struct port_group *group, int indent, int width)
{
	size_t length;
	size_t processes = 0;
	struct holding *holdings = port_group_holdings(lookup, group, &length);

	for (size_t start = 0, end; start < length; start = end) {
		for (end = start; end < length && holdings[end].pid == holdings[start].pid;)
			end++;
		if (processes++ < PROCESSES_SHOWN)
			print_process(process_search_find(lookup->processes, holdings[start].pid),
			    &holdings[start], end - start, indent, width);
	}
	if (processes > PROCESSES_SHOWN)
		printf("%*sand %zu more processes (--json shows all)\n", indent, "",
		    processes - PROCESSES_SHOWN);
	free(holdings);
}

/* The kernel reports root for a socket that no process has open, which means nothing. */
static void print_owner(const struct port_socket *found, int indent, int width)
{
	char name[USER_NAME_SIZE];
	int column = indent;

	if (!found->socket.inode && !found->cgroup)
		return;
	printf("%*s", indent, "");
	if (found->socket.inode) {
		user_name(found->socket.uid, name);
		text_make_printable(name);
		column += name[0] ? printf("user %s", name) : printf("user %u", found->socket.uid);
		column += printf("%s", found->cgroup ? ", " : "");
	}
	if (found->cgroup) {
		column += printf("cgroup ");
		print_foreign(found->cgroup, column, width);
	}
	putchar('\n');
}

/* Of several sockets, from the youngest to the oldest. TIME_WAIT's meaning has its time already. */
static void print_age(const struct port_group *group, int indent)
{
	char texts[2][PORT_AGE_WORDS_SIZE];
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;

	for (size_t i = 0; i < group->length; i++) {
		uint64_t ms;

		if (group->list[i]->socket.state == SOCKET_TIME_WAIT ||
		    !port_age_of(group->list[i], &ms))
			return;
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	if (most < 1000)
		return;
	port_age_words(least, texts[0]);
	port_age_words(most, texts[1]);
	if (strcmp(texts[0], texts[1]) == 0)
		printf("%*sopen for at least %s\n", indent, "", texts[0]);
	else
		printf("%*sopen for at least %s to %s\n", indent, "", texts[0], texts[1]);
}

static const char *unknown_reason(const struct port_lookup *lookup, const struct port_socket *found)
{
	if (port_holders_hide(lookup, found))
		return "processes unknown: you opened the socket, but its process hides its "
		       "descriptors, as programs with secrets or capabilities do. Only "
		       "CAP_SYS_PTRACE sees them.";
	switch (port_holders_gap(lookup, found)) {
	case PORT_HOLDERS_OUT_OF_TIME:
		return "processes unknown: the search ran out of time. Ask again.";
	case PORT_HOLDERS_TOO_MANY:
		return "processes unknown: too many descriptors refer to sockets. Ask for fewer "
		       "ports.";
	default:
		return "processes unknown: run as their user, or with CAP_SYS_PTRACE";
	}
}

/* Prints what the sockets of a group are and which processes have them. */
void port_text_print_group(
    const struct port_lookup *lookup, const struct port_group *group, int indent)
{
	const struct port_socket *found = group->list[0];
	const int width = terminal_cut_width();
	struct text meaning = {0};

	port_words_add_alike(&meaning, lookup, group->list, group->length);
	if (group->length > ALIKE_LISTED) {
		text_add_char(&meaning, ' ');
		port_difference_add(&meaning, group);
	}
	port_place_name(lookup, &meaning);
	print_text(&meaning, indent);
	print_age(group, indent);
	print_owner(found, indent, width);
	switch (port_holders_of(lookup, found)) {
	case PORT_HOLDERS_FOUND:
		print_processes(lookup, group, indent, width);
		break;
	case PORT_HOLDERS_UNKNOWN:
		terminal_print_wrapped(unknown_reason(lookup, found), indent, width);
		break;
	case PORT_HOLDERS_ELSEWHERE:
		printf("%*sno visible process has it open: another container's, or the kernel's\n",
		    indent, "");
		break;
	case PORT_HOLDERS_NONE:
		if (socket_has_owner(&found->socket) && !port_waits_for_accept(found))
			printf("%*sno process has it open any more\n", indent, "");
		break;
	}
}

void port_text_print_details(
    const struct port_lookup *lookup, const struct port_socket *found, int indent)
{
	port_text_print_group(lookup, &(const struct port_group){&found, 1}, indent);
}

static void print_group(const struct port_lookup *lookup, const struct port_group *group)
{
	const size_t shown = group->length > ALIKE_LISTED ? ALIKE_SHOWN : group->length;

	putchar('\n');
	for (size_t i = 0; i < shown; i++) {
		printf("  ");
		port_text_print_socket(&group->list[i]->socket, 2, NULL);
	}
	if (group->length > shown)
		printf("  and %zu like these\n", group->length - shown);
	port_text_print_group(lookup, group, 7);
}

/* Prints those that are alike together, at most limit groups. Returns how many sockets are shown.
 */
static size_t print_groups(
    const struct port_lookup *lookup, const struct port_side *side, size_t limit)
{
	const size_t length = side->length;
	bool *rest = calloc(length, sizeof(*rest));
	const struct port_socket **list = calloc(length, sizeof(void *));
	struct port_group group = {calloc(length, sizeof(void *)), 0};
	size_t shown = 0;

	for (size_t i = 0; list && i < length; i++)
		list[i] = &side->list[i];
	while (rest && list && group.list && limit-- &&
	       port_group_next(lookup, list, length, rest, &group)) {
		print_group(lookup, &group);
		shown += group.length;
	}
	free(rest);
	free(list);
	free(group.list);
	return shown;
}

static void print_heading(const struct port_side *side, const char *end)
{
	if (side->others)
		printf("\n%lu of %lu sockets that have it as their %s port:\n", side->total,
		    side->total + side->others, end);
	else if (side->total == 1)
		printf("\n1 socket has it as its %s port:\n", end);
	else
		printf("\n%lu sockets have it as their %s port:\n", side->total, end);
}

static void print_side(
    const struct port_lookup *lookup, const struct port_side *side, size_t limit, const char *end)
{
	size_t shown;

	if (side->total == 0)
		return;
	print_heading(side, end);
	shown = print_groups(lookup, side, limit);
	if (side->total == shown)
		return;
	printf("\n  and %zu more (%s)\n", (size_t)side->total - shown,
	    shown < side->length ? "--limit" : "only counted");
	/* The one that delays a restart may be among them. */
	if (side->time_wait)
		printf("  The last of %lu in TIME_WAIT is gone in %.0f s.\n", side->time_wait,
		    side->time_wait_ms / 1e3);
}

/* Of the local port the words say so. */
static void print_other_remote(const struct port_side *side)
{
	if (side->total || !side->others)
		return;
	printf("\n%lu socket%s it as %s remote port, but none that you asked for.\n", side->others,
	    side->others == 1 ? " has" : "s have", side->others == 1 ? "its" : "their");
}

void port_text_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit)
{
	struct text words = {0};

	port_words_add_port(&words, lookup, answer);
	port_place_name(lookup, &words);
	print_text(&words, 0);
	print_side(lookup, &answer->local, limit, "local");
	print_side(lookup, &answer->remote, limit, "remote");
	print_other_remote(&answer->remote);
	port_snat_print(lookup->snat, answer->port, limit);
}
