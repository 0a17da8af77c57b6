// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_holder.h"

#include <stdio.h>

#include "exporter/answers/port_holders.h"
#include "exporter/answers/port_text.h"

static void add_processes(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	size_t length;
	const struct holding *holdings =
	    process_search_holdings(lookup->processes, found->socket.inode, &length);
	size_t others = 0;
	char pid[32];

	/* A process that has it open twice is one. */
	for (size_t i = 1; i < length; i++)
		others += holdings[i].pid != holdings[i - 1].pid;
	text_add_printable(text, process_search_find(lookup->processes, holdings[0].pid)->name);
	snprintf(pid, sizeof(pid), " (pid %d)", holdings[0].pid);
	text_add_string(text, pid);
	if (!others)
		return;
	text_add_string(text, " and ");
	text_add_number(text, (double)others);
	text_add_string(text, others == 1 ? " more process" : " more processes");
}

static const char *unknown_words(const struct port_lookup *lookup, const struct port_socket *found)
{
	if (port_holders_hide(lookup, found))
		return "an unknown process (it is yours, but hides its descriptors: only "
		       "CAP_SYS_PTRACE sees them)";
	if (port_holders_gap(lookup, found) == PORT_HOLDERS_OUT_OF_TIME)
		return "an unknown process (the search for it ran out of time)";
	return "an unknown process (run as its user, or with CAP_SYS_PTRACE)";
}

static void add_who(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	switch (port_holders_of(lookup, found)) {
	case PORT_HOLDERS_FOUND:
		add_processes(text, lookup, found);
		break;
	case PORT_HOLDERS_UNKNOWN:
		text_add_string(text, unknown_words(lookup, found));
		break;
	case PORT_HOLDERS_ELSEWHERE:
		text_add_string(text, "no visible process (another container's, or the kernel's)");
		break;
	case PORT_HOLDERS_NONE:
		text_add_string(text, "no process");
		break;
	}
}

void port_holder_add(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found)
{
	char gone[64];

	add_who(text, lookup, found);
	text_add_string(text, ", ");
	port_text_add_socket(text, &found->socket);
	if (found->socket.state == SOCKET_TIME_WAIT) {
		snprintf(gone, sizeof(gone), ", gone in %.0f s", found->socket.expires_ms / 1e3);
		text_add_string(text, gone);
	}
	if (found->cgroup) {
		text_add_string(text, ", cgroup ");
		text_add_printable(text, found->cgroup);
	}
}
