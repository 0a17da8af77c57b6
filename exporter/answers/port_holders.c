// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_holders.h"

#include <unistd.h>

enum port_holders port_holders_of(const struct port_lookup *lookup, const struct port_socket *found)
{
	size_t length;

	if (found->inode_is_unknown && socket_has_owner(&found->socket))
		return PORT_HOLDERS_UNKNOWN;
	if (found->socket.inode == 0)
		return PORT_HOLDERS_NONE;
	if (!lookup->processes)
		return PORT_HOLDERS_UNKNOWN;
	if (process_search_holdings(lookup->processes, found->socket.inode, &length))
		return PORT_HOLDERS_FOUND;
	return process_search_is_complete(lookup->processes) ? PORT_HOLDERS_ELSEWHERE
							     : PORT_HOLDERS_UNKNOWN;
}

/* ptrace_may_access() in kernel/ptrace.c. A search that ended early says nothing of why. */
bool port_holders_hide(const struct port_lookup *lookup, const struct port_socket *found)
{
	return port_holders_of(lookup, found) == PORT_HOLDERS_UNKNOWN &&
	       port_holders_gap(lookup, found) == PORT_HOLDERS_UNREADABLE &&
	       found->socket.uid == geteuid();
}

const char *port_holders_name(enum port_holders holders)
{
	static const char *const names[] = {
	    [PORT_HOLDERS_FOUND] = "found",
	    [PORT_HOLDERS_UNKNOWN] = "unknown",
	    [PORT_HOLDERS_ELSEWHERE] = "elsewhere",
	    [PORT_HOLDERS_NONE] = "none",
	};

	return names[holders];
}

enum port_holders_gap port_holders_gap(
    const struct port_lookup *lookup, const struct port_socket *found)
{
	const struct process_search *search = lookup->processes;

	if (port_holders_of(lookup, found) == PORT_HOLDERS_NONE)
		return PORT_HOLDERS_WHOLE;
	if (found->inode_is_unknown || !search)
		return PORT_HOLDERS_NOT_TOLD;
	/* Of what was not read in time nobody knows whether it may be read. */
	if (search->holdings.late)
		return PORT_HOLDERS_OUT_OF_TIME;
	if (search->holdings.truncated)
		return PORT_HOLDERS_TOO_MANY;
	if (search->holdings.unreadable)
		return PORT_HOLDERS_UNREADABLE;
	return search->whole ? PORT_HOLDERS_WHOLE : PORT_HOLDERS_OTHER_CGROUPS;
}

const char *port_holders_gap_name(enum port_holders_gap gap)
{
	static const char *const names[] = {
	    [PORT_HOLDERS_WHOLE] = NULL,
	    [PORT_HOLDERS_OTHER_CGROUPS] = "other_cgroups",
	    [PORT_HOLDERS_UNREADABLE] = "not_readable",
	    [PORT_HOLDERS_OUT_OF_TIME] = "out_of_time",
	    [PORT_HOLDERS_TOO_MANY] = "too_many",
	    [PORT_HOLDERS_NOT_TOLD] = "not_told",
	};

	return names[gap];
}
