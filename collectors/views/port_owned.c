// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_owned.h"

static bool is_owned(const struct port_lookup *lookup, const struct port_socket *found,
    const struct owner_filter *owners)
{
	const struct holding *holdings = NULL;
	size_t length = 0;

	if (owner_filter_has_cgroup(owners, found->cgroup))
		return true;
	if (lookup->processes && found->socket.inode)
		holdings = process_search_holdings(lookup->processes, found->socket.inode, &length);
	for (size_t i = 0; i < length; i++) {
		const struct process *process =
		    process_search_find(lookup->processes, holdings[i].pid);

		if (owner_filter_has_process(owners, process->name, process->pid))
			return true;
	}
	return false;
}

static void keep_owned(
    struct port_lookup *lookup, struct port_side *side, const struct owner_filter *owners)
{
	const unsigned long all = side->total;
	size_t kept = 0;

	lookup->unsearched += all - side->length;
	side->time_wait = side->time_wait_ms = 0;
	for (size_t i = 0; i < side->length; i++) {
		const struct socket *socket = &side->list[i].socket;

		if (!is_owned(lookup, &side->list[i], owners))
			continue;
		if (socket->state == SOCKET_TIME_WAIT) {
			side->time_wait++;
			if (socket->expires_ms > side->time_wait_ms)
				side->time_wait_ms = socket->expires_ms;
		}
		side->list[kept++] = side->list[i];
	}
	side->total = side->length = kept;
	side->others += all - kept;
}

void port_lookup_keep_owned(struct port_lookup *lookup, const struct owner_filter *owners)
{
	for (size_t i = 0; i < lookup->length; i++) {
		struct port_answer *answer = &lookup->answers[i];
		const bool had_any = answer->local.total || answer->remote.total;

		keep_owned(lookup, &answer->local, owners);
		keep_owned(lookup, &answer->remote, owners);
		if (had_any && !answer->local.total && !answer->remote.total)
			lookup->empty++;
	}
}
