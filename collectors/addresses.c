// SPDX-License-Identifier: Apache-2.0
/*
 * The pools of bind(0), and of UDP's autobind: the ports of the range, anew for each local
 * address. Who binds the wildcard needs a port that is free on every address.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/address_table.h"
#include "collectors/collector.h"

static const struct metric_family address_ports = {
    .name = "ephemera_address_ports",
    .help = "Ports of the range, reserved ones aside, that bind(ADDRESS, 0) cannot have, for the "
	    "addresses with the most, up to --collector.addresses.limit. The wildcards 0.0.0.0 "
	    "and :: are always shown: theirs are the ports taken on any address, and it is they "
	    "that a UDP connect() or sendto() without bind() draws from.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "address"},
    .example = "topk(10, ephemera_address_ports{protocol=\"udp\"})",
};
static const struct metric_family worst_ports = {
    .name = "ephemera_worst_address_ports",
    .help = "The most ports that are taken in one of these pools.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "predict_linear(ephemera_worst_address_ports[30m], 3600) > on (job, instance) "
	       "group_left () (ephemera_range_ports - ephemera_range_reserved_ports)",
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_address_usage_ratio",
    .help = "Share of the range's unreserved ports that is taken in the fullest of these pools: at "
	    "1, bind(0) fails with EADDRINUSE and a UDP connect() with EAGAIN. Sockets that share "
	    "ports still get one: UDP with SO_REUSEADDR or SO_REUSEPORT, TCP with SO_REUSEADDR and "
	    "ip_autobind_reuse=1.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "max by (instance, protocol) (ephemera_worst_address_usage_ratio) > 0.8",
};
static const struct metric_family untracked = {
    .name = "ephemera_untracked_address_sockets",
    .help = "Sockets on local addresses beyond --collector.addresses.tracked-limit: they count for "
	    "the wildcards, but their own addresses are not told apart.",
    .type = METRIC_GAUGE,
    .labels = {"protocol"},
    .example = "ephemera_untracked_address_sockets > 0",
};

static const struct metric_family *const families[] = {
    &address_ports,
    &worst_ports,
    &worst_ratio,
    &untracked,
    NULL,
};

enum { FLAG_LIMIT, FLAG_TRACKED_LIMIT };

/* What is taken in the pools of one protocol. */
struct pools {
	struct portset wildcard[SOCKET_FAMILIES]; /* by wildcard sockets: for all addresses */
	struct portset any[SOCKET_FAMILIES];	  /* what bind() to the family's wildcard lacks */
	struct address_table *addresses;	  /* by sockets on an address of their own */
	struct address_table *ipv6_only;	  /* where listeners take IPv6 alone, */
	struct portset ipv6_only_wildcard;	  /* on one address or on all of them */
	unsigned long untracked;
};

struct addresses {
	const struct facts *facts;
	size_t limit;
	struct pools pools[SOCKET_PROTOCOLS];
};

static void destroy(void *context)
{
	struct addresses *state = context;

	for (int i = 0; i < SOCKET_PROTOCOLS; i++) {
		address_table_free(state->pools[i].addresses);
		address_table_free(state->pools[i].ipv6_only);
	}
	free(state);
}

static int create(const struct collector_config *config, void **ret_state)
{
	struct addresses *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->limit = config->values[FLAG_LIMIT];
	for (int i = 0; i < SOCKET_PROTOCOLS; i++) {
		const size_t limit = config->values[FLAG_TRACKED_LIMIT];
		int result = address_table_new(limit, &state->pools[i].addresses);

		if (result == 0)
			result = address_table_new(limit, &state->pools[i].ipv6_only);
		if (result < 0) {
			destroy(state);
			return result;
		}
	}
	*ret_state = state;
	return 0;
}

static int begin(void *context, const struct facts *facts)
{
	struct addresses *state = context;

	state->facts = facts;
	for (int i = 0; i < SOCKET_PROTOCOLS; i++) {
		struct pools *pools = &state->pools[i];

		memset(pools->wildcard, 0, sizeof(pools->wildcard));
		memset(pools->any, 0, sizeof(pools->any));
		memset(&pools->ipv6_only_wildcard, 0, sizeof(pools->ipv6_only_wildcard));
		pools->untracked = 0;
		address_table_clear(pools->addresses);
		address_table_clear(pools->ipv6_only);
	}
	return 0;
}

/*
 * Whether an IPv6 socket on an address of its own keeps IPv4's wildcard from its port.
 * inet6_bind() makes a socket that binds such an address IPv6-only, and an accepted socket
 * inherits that; one whose address came from connect() stays open to both
 * (inet_rcv_saddr_equal() in net/ipv4/inet_connection_sock.c). Records of connected
 * sockets do not carry the flag. What is not known to be IPv6-only, by its listener, is
 * taken not to be: rather less is promised than can be had than more.
 */
static bool blocks_ipv4_wildcard(const struct pools *pools, const struct socket *socket)
{
	if (socket->state == SOCKET_LISTEN || socket->state == SOCKET_BOUND ||
	    socket->state == SOCKET_CLOSE)
		return !socket->ipv6_only;
	return !portset_has(&pools->ipv6_only_wildcard, socket->local_port) &&
	       !address_table_has(pools->ipv6_only, socket);
}

/* Listeners come before the connections that they accepted. */
static int note_ipv6_only(struct pools *pools, const struct socket *socket)
{
	int result = 0;

	if (socket->state == SOCKET_LISTEN && socket->ipv6_only)
		result = address_table_add(pools->ipv6_only, socket);
	return result == -ENOBUFS ? 0 : result;
}

static void take_wildcard(struct pools *pools, const struct socket *socket)
{
	portset_add(&pools->wildcard[socket->family], socket->local_port);
	portset_add(&pools->any[SOCKET_IPV6], socket->local_port);
	if (socket->family == SOCKET_IPV4) {
		portset_add(&pools->any[SOCKET_IPV4], socket->local_port);
	} else if (socket->ipv6_only) {
		portset_add(&pools->ipv6_only_wildcard, socket->local_port);
	} else {
		portset_add(&pools->wildcard[SOCKET_IPV4], socket->local_port);
		portset_add(&pools->any[SOCKET_IPV4], socket->local_port);
	}
}

/*
 * Where connect() gives an IPv6 UDP socket its address, IPv4 finds the socket on 127.0.0.6:
 * LOOPBACK4_IPV6 of __ip6_datagram_connect() in net/ipv6/datagram.c. TCP asks for the family.
 */
static bool is_found_on_loopback4(const struct pools *pools, const struct socket *socket)
{
	return socket->protocol == SOCKET_UDP && socket->family == SOCKET_IPV6 &&
	       socket->state == SOCKET_ESTABLISHED && blocks_ipv4_wildcard(pools, socket);
}

/* Clients of a wildcard listener take nothing that it has not taken already. */
static int take_address(struct pools *pools, const struct socket *socket)
{
	if (portset_has(&pools->wildcard[socket->family], socket->local_port))
		return 0;

	const int result = address_table_add(pools->addresses, socket);

	if (result == -ENOBUFS) {
		pools->untracked++;
		return 0;
	}
	return result;
}

static int take_loopback4(struct pools *pools, const struct socket *socket)
{
	const struct socket there = {
	    .protocol = socket->protocol,
	    .family = SOCKET_IPV4,
	    .local = {{127, 0, 0, 6}},
	    .local_port = socket->local_port,
	};

	return take_address(pools, &there);
}

static int observe(void *context, const struct socket *socket)
{
	struct addresses *state = context;
	struct pools *pools = &state->pools[socket->protocol];
	const struct settings *settings = &state->facts->settings;

	/* A request has no port of its own yet: it is the listener's. */
	if (!port_range_has(settings->range, socket->local_port) ||
	    portset_has(&settings->reserved, socket->local_port) ||
	    (socket->protocol == SOCKET_TCP && socket->state == SOCKET_SYN_RECV))
		return 0;
	if (socket_address_is_any(&socket->local)) {
		take_wildcard(pools, socket);
		return 0;
	}
	portset_add(&pools->any[SOCKET_IPV6], socket->local_port);
	if (socket->family == SOCKET_IPV4 || blocks_ipv4_wildcard(pools, socket))
		portset_add(&pools->any[SOCKET_IPV4], socket->local_port);

	int result = note_ipv6_only(pools, socket);

	if (result == 0 && is_found_on_loopback4(pools, socket))
		result = take_loopback4(pools, socket);
	return result < 0 ? result : take_address(pools, socket);
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
	struct pools *pools = &state->pools[protocol];
	const size_t length = address_table_length(pools->addresses);
	const char *name = socket_protocol_name(protocol);
	/* Every pool is a part of its family's wildcard pool, which so is the fullest. */
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
	return 0;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "how many addresses of a protocol are shown", 10, 0, 1000},
    [FLAG_TRACKED_LIMIT] = {"tracked-limit",
	"how many local addresses of a protocol are told apart; 8 KiB each while a scrape runs",
	256, 1, 65536},
    {.name = NULL},
};

const struct collector addresses_collector = {
    .name = "addresses",
    .help = "the pools of bind(0) and of UDP, by local address",
    .cost = "The listing of listeners, and one walk over all TCP and all UDP sockets. It keeps "
	    "ten sets of ports and, while a scrape runs, one for each local address and one more "
	    "for each address where listeners take IPv6 alone, 8 KiB each: with the default "
	    "--collector.addresses.tracked-limit at most 4 MiB for each protocol.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_TCP | NEEDS_UDP,
    .families = families,
    .flags = flags,
    .create = create,
    .begin = begin,
    .observe = observe,
    .emit = emit,
    .destroy = destroy,
};
