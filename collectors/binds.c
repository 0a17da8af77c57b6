// SPDX-License-Identifier: Apache-2.0
/* The ports of the range that connect() can never take because bind() holds them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/binds.h"
#include "collectors/collector.h"
#include "collectors/tables/udp_services.h"

static const struct metric_family bound_ports = {
    .name = "ephemera_range_bound_ports",
    .help = "Ports of the range, without reserved ones, that bind() holds, so that no connect() "
	    "can get them. Each counts once: as listen, else as bound, else as connected.",
    .type = METRIC_GAUGE,
    .labels = {"holder"},
    .example = "sum without (holder) (ephemera_range_bound_ports) / ephemera_range_ports > 0.1",
};
static const struct metric_family bound_ports_age = {
    .name = "ephemera_range_bound_ports_age_seconds",
    .help = "Age of the count with holder=\"connected\"; 0: from this scrape. With more sockets "
	    "than --collector.binds.refresh-sockets it is refreshed less often.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_bound_ports_age_seconds > 600",
};
static const struct metric_family usable_ports = {
    .name = "ephemera_range_usable_ports",
    .help = "Capacity of one destination: ports of the range that are neither reserved nor "
	    "bound. If this is low, reserve less, bind outside the range, or widen it.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_usable_ports / ephemera_range_ports < 0.8",
};
static const struct metric_family listener_info = {
    .name = "ephemera_range_listener_info",
    .help =
	"1 for each TCP listener in the range, then for each UDP socket that waits there: lowest "
	"ports first, up to --collector.binds.listeners-limit. A UDP socket is shown if it stays "
	"from one scrape to the next, or if its owner has few; others are most likely open "
	"queries of a resolver. An interface that the socket is bound to follows the address, as "
	"in 0.0.0.0%eth0. Reserve these ports: otherwise an outgoing connection can take the port "
	"of a service before its next start.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "address", "port", "reserved"},
    .example = "ephemera_range_listener_info{reserved=\"false\"}",
};
static const struct metric_family unshown_ports = {
    .name = "ephemera_range_unshown_listener_ports",
    .help = "Ports of the range with a listener or a waiting UDP socket that "
	    "ephemera_range_listener_info does not show: beyond its limit or, for UDP, most likely "
	    "open queries of a resolver.",
    .type = METRIC_GAUGE,
    .labels = {"protocol"},
    .example = "ephemera_range_unshown_listener_ports{protocol=\"tcp\"} > 0",
};
static const struct metric_family own_range_sockets = {
    .name = "ephemera_own_range_sockets",
    .help = "TCP connections whose port connect() took from a range of their own "
	    "(IP_LOCAL_PORT_RANGE). They count against the whole range, but can run out long "
	    "before it is full. Only if ephemera_kernel_feature{feature="
	    "\"bind_before_connect\"} is 1.",
    .type = METRIC_GAUGE,
    .example = "ephemera_own_range_sockets > 0",
};
static const struct metric_family narrowest_own_range = {
    .name = "ephemera_narrowest_own_range_ports",
    .help = "Ports of the smallest range among ephemera_own_range_sockets, including reserved and "
	    "bound ones: the maximum number of connections from it to one destination.",
    .type = METRIC_GAUGE,
    .example = "ephemera_worst_destination_ports > on (job, instance) group_left () "
	       "ephemera_narrowest_own_range_ports * 0.8",
};

static const struct metric_family *const families[] = {
    &bound_ports,
    &bound_ports_age,
    &usable_ports,
    &own_range_sockets,
    &narrowest_own_range,
    &listener_info,
    &unshown_ports,
    NULL,
};

struct binds {
	const struct facts *facts;
	struct udp_services *udp_services;
	struct portset udp; /* of the range: where a UDP socket waits */
	size_t length;
	size_t limit;
	struct range_listener *listeners; /* the first ones, in order, each once */
};

static void release(void *state)
{
	struct binds *binds = state;

	udp_services_free(binds->udp_services);
	free(binds->listeners);
}

static int init(void *state, const struct collector_config *config)
{
	struct binds *binds = state;

	binds->facts = config->facts;
	binds->limit = config->values[BINDS_LISTENERS_LIMIT];
	binds->listeners = calloc(binds->limit, sizeof(*binds->listeners));
	binds->udp_services = udp_services_new();
	return binds->listeners && binds->udp_services ? 0 : -ENOMEM;
}

static void reset(void *state)
{
	struct binds *binds = state;

	binds->length = 0;
	memset(&binds->udp, 0, sizeof(binds->udp));
	udp_services_begin(binds->udp_services);
}

/* SO_REUSEPORT lets many sockets listen on one address and port: they are one listener. */
static void insert(struct binds *binds, const struct range_listener *listener)
{
	size_t low = 0;
	size_t high = binds->length;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = range_listener_compare(listener, &binds->listeners[middle]);

		if (order == 0)
			return;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == binds->limit)
		return;
	if (binds->length < binds->limit)
		binds->length++;
	memmove(&binds->listeners[low + 1], &binds->listeners[low],
	    (binds->length - 1 - low) * sizeof(*listener));
	binds->listeners[low] = *listener;
}

static int observe(void *state, const struct socket *socket)
{
	struct binds *binds = state;
	const struct range_listener listener = range_listener_of(socket);

	if (!port_range_has(binds->facts->settings.range, socket->local_port))
		return 0;
	if (socket->protocol == SOCKET_TCP) {
		if (socket->state == SOCKET_LISTEN)
			insert(binds, &listener);
	} else if (socket->state == SOCKET_CLOSE) {
		/* Only sockets whose port was chosen by number come here. */
		portset_add(&binds->udp, socket->local_port);
		udp_services_note(binds->udp_services, socket);
	}
	return 0;
}

static void insert_service(void *context, const struct range_listener *listener)
{
	insert(context, listener);
}

static void emit_listener(
    struct metric_set *set, const struct facts *facts, const struct range_listener *listener)
{
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];

	socket_bound_format(&listener->address, listener->family, listener->interface, address);
	snprintf(port, sizeof(port), "%u", listener->port);
	metric_add(set, &listener_info, 1,
	    METRIC_LABELS(socket_protocol_name(listener->protocol), address, port,
		portset_has(&facts->settings.reserved, listener->port) ? "true" : "false"));
}

static void emit_unshown(struct metric_set *set, const struct binds *binds,
    enum socket_protocol protocol, const struct portset *all)
{
	struct portset unshown = *all;
	struct portset shown = {{0}};

	for (size_t i = 0; i < binds->length; i++)
		if (binds->listeners[i].protocol == protocol)
			portset_add(&shown, binds->listeners[i].port);
	portset_remove(&unshown, &shown);
	metric_add(set, &unshown_ports, portset_count_range(&unshown, binds->facts->settings.range),
	    METRIC_LABELS(socket_protocol_name(protocol)));
}

static int emit(void *state, struct metric_set *set)
{
	struct binds *binds = state;
	const struct facts *facts = binds->facts;
	const struct bound_ports ports = facts_count_bound(facts);
	/* After TCP's, whose listeners are services for sure. */
	const int result = udp_services_finish(binds->udp_services, insert_service, binds);

	if (result < 0)
		return result;
	metric_add(set, &bound_ports, ports.listen, METRIC_LABELS("listen"));
	metric_add(set, &bound_ports, ports.bound, METRIC_LABELS("bound"));
	metric_add(set, &bound_ports, ports.connected, METRIC_LABELS("connected"));
	metric_add(set, &bound_ports_age, facts->holders.connected_age_seconds, METRIC_NO_LABELS);
	metric_add(set, &usable_ports, facts->capacity, METRIC_NO_LABELS);
	if (facts->holders.sees_buckets)
		metric_add(
		    set, &own_range_sockets, facts->holders.own_range_sockets, METRIC_NO_LABELS);
	if (facts->holders.own_range_sockets)
		metric_add(set, &narrowest_own_range, facts->holders.narrowest_own_range,
		    METRIC_NO_LABELS);
	for (size_t i = 0; i < binds->length; i++)
		emit_listener(set, facts, &binds->listeners[i]);
	emit_unshown(set, binds, SOCKET_TCP, &facts->holders.listen);
	emit_unshown(set, binds, SOCKET_UDP, &binds->udp);
	return 0;
}

static const struct collector_flag flags[] = {
    [BINDS_REFRESH_SOCKETS] = {"refresh-sockets",
	"up to this many TCP sockets, every scrape lists the ports that were bound and then "
	"connected, which needs a second walk",
	200000, 0, 100000000},
    [BINDS_REFRESH_SECONDS] = {"refresh-seconds",
	"maximum age of that list if there are more sockets", 300, 0, 86400},
    [BINDS_LISTENERS_LIMIT] = {"listeners-limit", "maximum listeners in the range shown", 100, 0,
	10000},
    [BINDS_BUCKETS] = {"buckets",
	"find by BPF which ports bind() holds, even if sock_diag is the source of sockets: it "
	"misses none; needs CAP_BPF and CAP_PERFMON at the start",
	BINDS_BUCKETS_BY_DEFAULT, 0, 1,
	"with --collector.exhaustion, and in ephemera destinations, port and trace if permitted"},
    {.name = NULL},
};

const struct collector binds_collector = {
    .name = "binds",
    .help = "ports of the range held by bind(), what they leave, and listeners inside the range",
    .cost =
	"The listing of listeners; the first part of the TCP walk, which has the sockets that "
	"only bind(); and, unless sockets are read by BPF, a second TCP walk for the ports that "
	"were bound by number and then connected. With more TCP sockets than "
	"--collector.binds.refresh-sockets that second "
	"walk happens once in --collector.binds.refresh-seconds. With "
	"--collector.binds.buckets a BPF program makes it, which takes about three times as "
	"long. Two listings of UDP, for ports chosen by number. It keeps 32 bytes for each "
	"listener that it may show, 80 for each of up to 4,096 UDP sockets of this scrape and of "
	"the last one, and seven sets of ports, 8 KiB each, for all collectors together.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_UDP_CHOSEN,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct binds),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
    .release = release,
};
