// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/bound_owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"

struct bound_owners {
	struct cgroups *cgroups;
	const struct facts *facts;
	struct portset counted;
	struct owner_table *table;
};

struct bound_owners *bound_owners_new(struct cgroups *cgroups, const struct facts *facts)
{
	struct bound_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	owners->cgroups = cgroups;
	owners->facts = facts;
	owners->table = owner_table_new();
	if (owners->table)
		return owners;
	free(owners);
	return NULL;
}

void bound_owners_free(struct bound_owners *owners)
{
	if (!owners)
		return;
	owner_table_free(owners->table);
	free(owners);
}

void bound_owners_reset(struct bound_owners *owners)
{
	memset(&owners->counted, 0, sizeof(owners->counted));
	owner_table_clear(owners->table);
}

static bool is_bound(const struct facts *facts, const struct socket *socket)
{
	const uint16_t port = socket->local_port;

	if (socket->protocol != SOCKET_TCP || !port_range_has(facts->settings.range, port) ||
	    portset_has(&facts->settings.reserved, port))
		return false;
	/* These two come before the usable ports are known. */
	return socket->state == SOCKET_LISTEN || socket->state == SOCKET_BOUND ||
	       !portset_has(&facts->usable, port);
}

int bound_owners_observe(struct bound_owners *owners, const struct socket *socket)
{
	if (socket->cgroup_id == 0 || !is_bound(owners->facts, socket) ||
	    portset_has(&owners->counted, socket->local_port))
		return 0;
	portset_add(&owners->counted, socket->local_port);
	return owner_table_add(owners->table, socket->cgroup_id);
}

int bound_owners_list(struct bound_owners *owners, struct bound_owned *ret_owned)
{
	struct bound_owned owned = {
	    .ports = facts_count_bound(owners->facts),
	    .other = owner_table_untracked(owners->table),
	};
	cleanup_free struct owner *list = owner_table_list(owners->table, &owned.length);

	if (!list)
		return -ENOMEM;

	const int result = owner_names_list(owners->cgroups, list, &owned.length, &owned.names);

	if (result < 0)
		return result;
	owned.unowned = owned.ports.listen + owned.ports.bound + owned.ports.connected -
			portset_count(&owners->counted);
	*ret_owned = owned;
	return 0;
}
