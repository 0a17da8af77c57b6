// SPDX-License-Identifier: Apache-2.0
/*
 * The pools of bind(0), and of UDP's autobind: each local address has all ports of the range.
 * bind() to the wildcard needs a port that is free on every address.
 */
#include <errno.h>
#include <stdlib.h>

#include "collectors/collector.h"
#include "collectors/tables/address_pools.h"

static const struct metric_family address_ports = {
    .name = "ephemera_address_ports",
    .help = "Ports of the range, without reserved ones, that bind(ADDRESS, 0) cannot get, for the "
	    "addresses with the most, up to --collector.addresses.limit. The wildcards 0.0.0.0 "
	    "and :: are always shown: they count ports taken on any address, and a UDP connect() "
	    "or sendto() without bind() uses their pool. The pool of :: is for sockets that also "
	    "use IPv4; for IPv6-only ones see ephemera_ipv6_only_address_ports.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "address"},
    .example = "topk(10, ephemera_address_ports{protocol=\"udp\"})",
};
static const struct metric_family ipv6_only_ports = {
    .name = "ephemera_ipv6_only_address_ports",
    .help =
	"Ports of the range, without reserved ones, that bind(::, 0) cannot get on an IPv6-only "
	"socket (IPV6_V6ONLY): those that IPv6 sockets have on any address. A UDP connect() of "
	"such a socket without bind() uses the same pool.",
    .type = METRIC_GAUGE,
    .labels = {"protocol"},
    .example = "ephemera_ipv6_only_address_ports / on (job, instance) group_left () "
	       "(ephemera_range_ports - ephemera_range_reserved_ports) > 0.8",
};
static const struct metric_family unsure_ports = {
    .name = "ephemera_unsure_address_ports",
    .help =
	"Of the ports of 0.0.0.0 in ephemera_address_ports, those that only IPv6 sockets have and "
	"the kernel does not show whether these are IPv6-only: connected ones, and all if "
	"/proc/net is read. They count as taken. bind(0.0.0.0, 0) may get up to as many more; UDP "
	"bind(127.0.0.6, 0) as many more as there are connected IPv6 UDP sockets.",
    .type = METRIC_GAUGE,
    .labels = {"protocol"},
    .example = "ephemera_unsure_address_ports / on (job, instance) group_left () "
	       "ephemera_range_ports > 0.1",
};
static const struct metric_family bind_ipv6_only = {
    .name = "ephemera_bind_ipv6_only",
    .help = "1 if IPv6 sockets are IPv6-only by default (bindv6only). Then the pool of a plain "
	    "bind(::, 0) is ephemera_ipv6_only_address_ports, not "
	    "ephemera_address_ports{address=\"::\"}.",
    .type = METRIC_GAUGE,
    .example = "ephemera_bind_ipv6_only == 1",
};
static const struct metric_family worst_ports = {
    .name = "ephemera_worst_address_ports",
    .help = "Ports taken in the fullest of these pools.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "predict_linear(ephemera_worst_address_ports[30m], 3600) > on (job, instance) "
	       "group_left () (ephemera_range_ports - ephemera_range_reserved_ports)",
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_address_usage_ratio",
    .help = "Share of the range's unreserved ports taken in the fullest of these pools. At 1, "
	    "bind(0) fails with EADDRINUSE and a UDP connect() with EAGAIN. Sockets that may share "
	    "ports still get one: UDP with SO_REUSEADDR or SO_REUSEPORT, TCP with SO_REUSEADDR and "
	    "ip_autobind_reuse=1.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "max by (instance, protocol) (ephemera_worst_address_usage_ratio) > 0.8",
};
static const struct metric_family untracked = {
    .name = "ephemera_untracked_address_sockets",
    .help = "Sockets on local addresses beyond --collector.addresses.tracked-limit. They count for "
	    "the wildcards, but not for their own address.",
    .type = METRIC_GAUGE,
    .labels = {"protocol"},
    .example = "ephemera_untracked_address_sockets > 0",
};

static const struct metric_family *const families[] = {
    &address_ports,
    &ipv6_only_ports,
    &unsure_ports,
    &bind_ipv6_only,
    &worst_ports,
    &worst_ratio,
    &untracked,
    NULL,
};

enum { FLAG_LIMIT, FLAG_TRACKED_LIMIT };

struct addresses {
	const struct facts *facts;
	size_t limit;
	struct address_pools pools[SOCKET_PROTOCOLS];
};

static void release(void *context)
{
	struct addresses *state = context;

	for (int i = 0; i < SOCKET_PROTOCOLS; i++)
		address_pools_release(&state->pools[i]);
}

static int init(void *context, const struct collector_config *config)
{
	struct addresses *state = context;
	int result = 0;

	state->facts = config->facts;
	state->limit = config->values[FLAG_LIMIT];
	for (int i = 0; i < SOCKET_PROTOCOLS && result == 0; i++)
		result = address_pools_init(&state->pools[i], config->values[FLAG_TRACKED_LIMIT]);
	return result;
}

static void reset(void *context)
{
	struct addresses *state = context;

	for (int i = 0; i < SOCKET_PROTOCOLS; i++)
		address_pools_clear(&state->pools[i]);
}

static int observe(void *context, const struct socket *socket)
{
	struct addresses *state = context;
	struct address_pools *pools = &state->pools[socket->protocol];
	const struct settings *settings = &state->facts->settings;

	/* A request has no port of its own yet: it is the listener's. */
	if (!port_range_has(settings->range, socket->local_port) ||
	    portset_has(&settings->reserved, socket->local_port) ||
	    (socket->protocol == SOCKET_TCP && socket->state == SOCKET_SYN_RECV))
		return 0;
	return address_pools_take(pools, socket);
}

struct pool {
	unsigned ports;
	const struct address_entry *entry;
};

static int compare(const void *first, const void *second)
{
	const struct pool *a = first;
	const struct pool *b = second;

	if (a->ports != b->ports)
		return a->ports > b->ports ? -1 : 1;
	return address_entry_compare(a->entry, b->entry);
}

static void emit_address(
    struct metric_set *set, enum socket_protocol protocol, const struct pool *pool)
{
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(
	    &pool->entry->address, pool->entry->family, pool->entry->interface, text);
	metric_add(
	    set, &address_ports, pool->ports, METRIC_LABELS(socket_protocol_name(protocol), text));
}

static void emit_worst(struct metric_set *set, enum socket_protocol protocol,
    const unsigned worst[SOCKET_FAMILIES], unsigned capacity)
{
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		const char *const *labels =
		    METRIC_LABELS(socket_protocol_name(protocol), socket_family_name(family));

		metric_add(set, &worst_ports, worst[family], labels);
		metric_add(
		    set, &worst_ratio, capacity ? (double)worst[family] / capacity : 1, labels);
	}
}

static int emit_protocol(struct addresses *state, enum socket_protocol protocol, unsigned capacity,
    struct metric_set *set)
{
	struct address_pools *pools = &state->pools[protocol];
	const size_t length = address_table_length(pools->addresses);
	const char *name = socket_protocol_name(protocol);
	/* Every pool is part of its family's wildcard pool, so that one is the fullest. */
	const unsigned worst[SOCKET_FAMILIES] = {
	    portset_count(&pools->any[SOCKET_IPV4]),
	    portset_count(&pools->any[SOCKET_IPV6]),
	};
	struct pool *list = calloc(length ? length : 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		list[i].entry = address_table_at(pools->addresses, i);
		list[i].ports =
		    address_entry_count(list[i].entry, &pools->wildcard[list[i].entry->family]);
	}
	qsort(list, length, sizeof(*list), compare);
	metric_add(set, &address_ports, worst[SOCKET_IPV4], METRIC_LABELS(name, "0.0.0.0"));
	metric_add(set, &address_ports, worst[SOCKET_IPV6], METRIC_LABELS(name, "::"));
	for (size_t i = 0; i < length && i < state->limit; i++)
		emit_address(set, protocol, &list[i]);
	metric_add(set, &ipv6_only_ports, portset_count(&pools->ipv6), METRIC_LABELS(name));
	metric_add(set, &unsure_ports, worst[SOCKET_IPV4] - portset_count(&pools->sure4),
	    METRIC_LABELS(name));
	emit_worst(set, protocol, worst, capacity);
	metric_add(set, &untracked, (double)pools->untracked, METRIC_LABELS(name));
	free(list);
	return 0;
}

static int emit(void *context, struct metric_set *set)
{
	struct addresses *state = context;
	const struct settings *settings = &state->facts->settings;
	const unsigned capacity = port_range_size(settings->range) -
				  portset_count_range(&settings->reserved, settings->range);

	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
		const int result = emit_protocol(state, protocol, capacity, set);

		if (result < 0)
			return result;
	}
	if (settings->bind_ipv6_only != SETTING_ABSENT)
		metric_add(set, &bind_ipv6_only, settings->bind_ipv6_only != 0, METRIC_NO_LABELS);
	return 0;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "maximum addresses shown for each protocol", 10, 0, 1000},
    [FLAG_TRACKED_LIMIT] = {"tracked-limit",
	"maximum local addresses counted for each protocol; 8 KiB each during a scrape", 256, 1,
	65536},
    {.name = NULL},
};

const struct collector addresses_collector = {
    .name = "addresses",
    .help = "the pools of bind(0) and of UDP, by local address",
    .cost =
	"The listing of listeners, and one walk over all TCP and all UDP sockets. It keeps "
	"fourteen sets of ports and, during a scrape, one for each local address and one more "
	"for each address with IPv6-only listeners, 8 KiB each: at most 4 MiB for each protocol "
	"with the default --collector.addresses.tracked-limit.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_TCP | NEEDS_UDP,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct addresses),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
    .release = release,
};
