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
	return port_holders_of(lookup, found) == PORT_HOLDERS_UNKNOWN && !found->inode_is_unknown &&
	       lookup->processes && found->socket.uid == geteuid() &&
	       lookup->processes->holdings.unreadable && !lookup->processes->holdings.truncated &&
	       !lookup->processes->holdings.late;
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

bool port_holders_complete(const struct port_lookup *lookup)
{
	return lookup->processes && process_search_is_complete(lookup->processes);
}
