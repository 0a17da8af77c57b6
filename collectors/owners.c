// SPDX-License-Identifier: Apache-2.0
/* The owners of leased ports, bound ports and UDP's ports: cgroups with their pods and containers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/kernel/cleanup.h"
#include "collectors/owner_labels.h"
#include "collectors/tables/bound_owners.h"
#include "collectors/tables/owner_names.h"
#include "collectors/tables/owner_table.h"

static const struct metric_family owner_ports = {
    .name = "ephemera_owner_ports",
    .help = "Ports of the range leased by outgoing connections, for the cgroups with the most, up "
	    "to --collector.owners.limit.",
    .type = METRIC_GAUGE,
    .labels = {OWNER_LABELS},
    .example = "topk(10, sum by (instance, pod_uid) (ephemera_owner_ports{pod_uid!=\"\"}))",
};
static const struct metric_family other_ports = {
    .name = "ephemera_other_owner_ports",
    .help = "Leased ports of all cgroups that are not shown.",
    .type = METRIC_GAUGE,
    .example = "topk(10, ephemera_other_owner_ports)",
};
static const struct metric_family unowned_ports = {
    .name = "ephemera_unowned_ports",
    .help = "Leased ports without a cgroup: mostly those in TIME_WAIT.",
    .type = METRIC_GAUGE,
    .example = "ephemera_unowned_ports > on (job, instance) sum by (job, instance) "
	       "(ephemera_owner_ports)",
};
static const struct metric_family owner_bound_ports = {
    .name = "ephemera_owner_bound_ports",
    .help = "Of ephemera_range_bound_ports, those of the cgroups with the most, up to "
	    "--collector.owners.limit: their bind() keeps ports from every connect().",
    .type = METRIC_GAUGE,
    .labels = {OWNER_LABELS},
    .example = "topk(10, sum by (instance, cgroup) (ephemera_owner_bound_ports))",
};
static const struct metric_family other_bound_ports = {
    .name = "ephemera_other_owner_bound_ports",
    .help = "Of ephemera_range_bound_ports, those of all cgroups that are not shown.",
    .type = METRIC_GAUGE,
    .example = "topk(10, ephemera_other_owner_bound_ports)",
};
static const struct metric_family unowned_bound_ports = {
    .name = "ephemera_unowned_bound_ports",
    .help = "Of ephemera_range_bound_ports, those without a cgroup: mostly those in TIME_WAIT.",
    .type = METRIC_GAUGE,
    .example = "ephemera_unowned_bound_ports > on (job, instance) sum by (job, instance) "
	       "(ephemera_owner_bound_ports)",
};

static const struct metric_family udp_owner_ports = {
    .name = "ephemera_owner_udp_ports",
    .help = "Ports of the range, without reserved ones, that UDP sockets hold, bound or connected, "
	    "for the cgroups with the most, up to --collector.owners.limit. A port that several "
	    "share counts once, for one of them, so the sum of all is "
	    "ephemera_worst_address_ports{protocol=\"udp\",family=\"ipv6\"}.",
    .type = METRIC_GAUGE,
    .labels = {OWNER_LABELS},
    .example = "topk(10, ephemera_owner_udp_ports) > 1000",
};
static const struct metric_family other_udp_ports = {
    .name = "ephemera_other_owner_udp_ports",
    .help = "Ports held by UDP sockets of all cgroups that are not shown.",
    .type = METRIC_GAUGE,
    .example = "topk(10, ephemera_other_owner_udp_ports)",
};
static const struct metric_family unowned_udp_ports = {
    .name = "ephemera_unowned_udp_ports",
    .help = "Ports held by UDP sockets without a known cgroup.",
    .type = METRIC_GAUGE,
    .example = "ephemera_unowned_udp_ports > 0",
};

static const struct metric_family *const families[] = {
    &owner_ports,
    &other_ports,
    &unowned_ports,
    &owner_bound_ports,
    &other_bound_ports,
    &unowned_bound_ports,
    &udp_owner_ports,
    &other_udp_ports,
    &unowned_udp_ports,
    NULL,
};

enum { FLAG_LIMIT };

struct owners {
	const struct facts *facts;
	struct cgroups *cgroups;
	struct pods *pods;
	bool nameless; /* a socket that a process has open came without its cgroup */
	size_t limit;
	unsigned long unowned[SOCKET_PROTOCOLS];
	struct owner_table *tables[SOCKET_PROTOCOLS];
	struct portset udp;	    /* counted already */
	struct bound_owners *bound; /* of ports that are not leased, but bound */
};

static void release(void *context)
{
	struct owners *owners = context;

	for (int i = 0; i < SOCKET_PROTOCOLS; i++)
		owner_table_free(owners->tables[i]);
	bound_owners_free(owners->bound);
}

static int init(void *context, const struct collector_config *config)
{
	struct owners *owners = context;

	owners->facts = config->facts;
	owners->cgroups = config->cgroups;
	owners->pods = config->pods;
	owners->limit = config->values[FLAG_LIMIT];
	owners->bound = bound_owners_new(config->cgroups, config->facts);
	for (int i = 0; i < SOCKET_PROTOCOLS; i++) {
		owners->tables[i] = owner_table_new();
		if (!owners->tables[i])
			return -ENOMEM;
	}
	return owners->bound ? 0 : -ENOMEM;
}

static void reset(void *context)
{
	struct owners *owners = context;

	owners->nameless = false;
	bound_owners_reset(owners->bound);
	memset(&owners->udp, 0, sizeof(owners->udp));
	for (int i = 0; i < SOCKET_PROTOCOLS; i++) {
		owners->unowned[i] = 0;
		owner_table_clear(owners->tables[i]);
	}
}

static int begin(void *context)
{
	const struct owners *owners = context;

	return cgroups_find_hierarchy(owners->cgroups);
}

/* Whether the socket takes a port from UDP's pool that no other took before it. */
static bool takes_udp_port(struct owners *owners, const struct socket *socket)
{
	const struct settings *settings = &owners->facts->settings;

	if (socket->protocol != SOCKET_UDP ||
	    !port_range_has(settings->range, socket->local_port) ||
	    portset_has(&settings->reserved, socket->local_port) ||
	    portset_has(&owners->udp, socket->local_port))
		return false;
	portset_add(&owners->udp, socket->local_port);
	return true;
}

static int observe(void *context, const struct socket *socket)
{
	struct owners *owners = context;

	if (socket->cgroup_id == 0 && socket->inode && socket_has_owner(socket))
		owners->nameless = true;
	if (!facts_is_leased(owners->facts, socket) && !takes_udp_port(owners, socket))
		return bound_owners_observe(owners->bound, socket);
	/* TIME_WAIT has no cgroup, and before Linux 5.8 no record has one. */
	if (socket->cgroup_id == 0) {
		owners->unowned[socket->protocol]++;
		return 0;
	}
	return owner_table_add(owners->tables[socket->protocol], socket->cgroup_id);
}

static const struct kin {
	const struct metric_family *owner;
	const struct metric_family *other;
	const struct metric_family *unowned;
} kin[SOCKET_PROTOCOLS] = {
    [SOCKET_TCP] = {&owner_ports, &other_ports, &unowned_ports},
    [SOCKET_UDP] = {&udp_owner_ports, &other_udp_ports, &unowned_udp_ports},
};

static void emit_owner(const struct owners *owners, struct metric_set *set,
    const struct metric_family *family, const struct owner_name *owner)
{
	const struct owner_labels labels = owner_labels_of(owners->pods, owner->path);

	metric_add(set, family, (double)owner->count, METRIC_LABELS(OWNER_VALUES(labels)));
}

static int emit_bound(struct owners *owners, struct metric_set *set)
{
	struct bound_owned owned;
	const int result = bound_owners_list(owners->bound, &owned);

	if (result < 0)
		return result;
	for (size_t i = 0; i < owned.length; i++) {
		if (i < owners->limit)
			emit_owner(owners, set, &owner_bound_ports, &owned.names[i]);
		else
			owned.other += owned.names[i].count;
	}
	metric_add(set, &other_bound_ports, (double)owned.other, METRIC_NO_LABELS);
	metric_add(set, &unowned_bound_ports, (double)owned.unowned, METRIC_NO_LABELS);
	owner_names_free(owned.names, owned.length);
	return 0;
}

static int emit_protocol(
    const struct owners *owners, enum socket_protocol protocol, struct metric_set *set)
{
	const struct owner_table *table = owners->tables[protocol];
	struct owner_name *names;
	size_t length;
	double other = (double)owner_table_untracked(table);
	cleanup_free struct owner *list = owner_table_list(table, &length);
	/*
	 * Resolves all, not only those that are shown: a cgroup that comes to the top after it is
	 * gone then still has its name.
	 */
	const int result =
	    list ? owner_names_list(owners->cgroups, list, &length, &names) : -ENOMEM;

	if (result < 0)
		return result;
	for (size_t i = 0; i < length; i++) {
		if (i < owners->limit)
			emit_owner(owners, set, kin[protocol].owner, &names[i]);
		else
			other += (double)names[i].count;
	}
	metric_add(set, kin[protocol].other, other, METRIC_NO_LABELS);
	metric_add(set, kin[protocol].unowned, (double)owners->unowned[protocol], METRIC_NO_LABELS);
	owner_names_free(names, length);
	return 0;
}

static int emit(void *context, struct metric_set *set)
{
	struct owners *owners = context;
	int result = emit_protocol(owners, SOCKET_TCP, set);

	if (result == 0)
		result = emit_bound(owners, set);
	return result < 0 ? result : emit_protocol(owners, SOCKET_UDP, set);
}

/* Kernels before 5.8 and /proc never show a socket's cgroup. */
static unsigned features(const void *context)
{
	const struct owners *owners = context;

	return owners->nameless ? 0 : FEATURE_CGROUP_OWNERS;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "how many cgroups with the most ports are shown", 20, 0, 1000},
    {.name = NULL},
};

const struct collector owners_collector = {
    .name = "owners",
    .help = "leased and bound ports, and those of UDP, by cgroup, pod and container",
    .cost =
	"What destinations needs, and one walk over all UDP sockets. A set of 8 KiB for the "
	"bound ports, and one for UDP's. For each cgroup about 100 bytes and its path during a "
	"scrape; at most 131,072 cgroups are counted. Its path and 32 bytes, once for all "
	"collectors, as long as a scrape finds it, and five minutes more; at most 200,000 paths "
	"are kept. A new cgroup costs one lookup; without CAP_DAC_READ_SEARCH, one read of the "
	"cgroup tree serves all new ones.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP | NEEDS_UDP,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct owners),
    .init = init,
    .reset = reset,
    .begin = begin,
    .observe = observe,
    .emit = emit,
    .lacking = "cgroup version 2 is not mounted at fs/cgroup or fs/cgroup/unified below "
	       "--path.sysfs, and version 1 does not show the owner of a socket: "
	       "ephemera_owner_ports and the like are left out",
    .features = features,
    .release = release,
};
