// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_oneline.h"

#include <stdio.h>
#include <stdlib.h>

#include "exporter/answers/port_holders.h"
#include "exporter/answers/port_snat_text.h"
#include "exporter/answers/port_text.h"
#include "exporter/base/text.h"

/* A server may have a process for each client. */
#define PROCESSES_SHOWN 3

static void add_process(struct text *text, const struct port_lookup *lookup, int pid)
{
	char number[24];

	text_add_printable(text, process_search_find(lookup->processes, pid)->name);
	snprintf(number, sizeof(number), "[%d]", pid);
	text_add_string(text, number);
}

static void add_processes(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	size_t length;
	size_t others = 0;
	size_t shown = 0;
	const struct holding *holdings =
	    process_search_holdings(lookup->processes, found->socket.inode, &length);
	char number[24];

	for (size_t i = 0; i < length; i++) {
		if (i && holdings[i].pid == holdings[i - 1].pid)
			continue;
		if (shown == PROCESSES_SHOWN) {
			others++;
			continue;
		}
		if (shown++)
			text_add_char(text, ',');
		add_process(text, lookup, holdings[i].pid);
	}
	snprintf(number, sizeof(number), ",+%zu", others);
	if (others)
		text_add_string(text, number);
}

static int print_line(
    const struct port_lookup *lookup, uint16_t port, const struct port_socket *found)
{
	const enum port_holders holders = port_holders_of(lookup, found);
	struct text line = {0};

	text_add_number(&line, port);
	text_add_char(&line, '\t');
	port_text_add_columns(&line, &found->socket);
	text_add_char(&line, '\t');
	if (holders == PORT_HOLDERS_FOUND)
		add_processes(&line, lookup, found);
	else
		text_add_char(&line, holders == PORT_HOLDERS_UNKNOWN ? '?' : '-');
	text_add_char(&line, '\t');
	if (found->cgroup)
		text_add_printable(&line, found->cgroup);
	else
		text_add_char(&line, '-');
	text_add_char(&line, '\0');
	if (!line.error)
		puts(line.data);
	free(line.data);
	return line.error;
}

int port_oneline_print_snat(const struct port_snat *snat, uint16_t port, size_t limit)
{
	size_t length;
	const struct snat_flow *list = port_snat_find(snat, port, &length);
	int result = 0;

	for (size_t i = 0; i < length && i < limit && result == 0; i++) {
		struct text line = {0};

		text_add_number(&line, port);
		text_add_char(&line, '\t');
		port_snat_add_columns(&line, &list[i]);
		text_add_char(&line, '\0');
		if (!line.error)
			puts(line.data);
		free(line.data);
		result = line.error;
	}
	return result;
}

int port_oneline_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit)
{
	const struct port_side *const sides[] = {&answer->local, &answer->remote};
	int result = 0;

	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		for (size_t j = 0; j < sides[i]->length && j < limit && result == 0; j++)
			result = print_line(lookup, answer->port, &sides[i]->list[j]);
	return result;
}
