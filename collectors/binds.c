// SPDX-License-Identifier: Apache-2.0
/* The ports of the range that connect() can never take, since a bind() owns them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/binds.h"
#include "collectors/collector.h"

static const struct metric_family bound_ports = {
    .name = "ephemera_range_bound_ports",
    .help = "Ports of the range, reserved ones aside, that every connect() has lost to a bind(): "
	    "each counted once, as listen before bound before connected.",
    .type = METRIC_GAUGE,
    .labels = {"holder"},
    .example = "sum without (holder) (ephemera_range_bound_ports) / ephemera_range_ports > 0.1",
};
static const struct metric_family bound_ports_age = {
    .name = "ephemera_range_bound_ports_age_seconds",
    .help = "Age of the count with holder=\"connected\": 0 when it is of this scrape. Above "
	    "--collector.binds.refresh-sockets it is refreshed less often.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_bound_ports_age_seconds > 600",
};
static const struct metric_family usable_ports = {
    .name = "ephemera_range_usable_ports",
    .help = "Capacity of one destination: ports of the range that are neither reserved nor "
	    "bound. Reserve less, bind outside the range, or widen it where this is low.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_usable_ports / ephemera_range_ports < 0.8",
};
static const struct metric_family listener_info = {
    .name = "ephemera_range_listener_info",
    .help =
	"1 for each listener inside the range, lowest ports first, up to "
	"--collector.binds.listeners-limit; one that is bound to an interface has it behind its "
	"address, as 0.0.0.0%eth0. Unless reserved, an outgoing connection can "
	"lock it out of its port at its next start: reserve the port.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "address", "port", "reserved"},
    .example = "ephemera_range_listener_info{reserved=\"false\"}",
};

static const struct metric_family *const families[] = {
    &bound_ports,
    &bound_ports_age,
    &usable_ports,
    &listener_info,
    NULL,
};

struct listener {
	uint16_t port;
	enum socket_protocol protocol;
	enum socket_family family;
	struct socket_address address;
	uint32_t interface;
};

struct binds {
	const struct facts *facts;
	size_t length;
	size_t limit;
	struct listener listeners[]; /* the lowest ones, in order, each once */
};

static int create(const struct collector_config *config, void **ret_state)
{
	const size_t limit = config->values[BINDS_LISTENERS_LIMIT];
	struct binds *binds = calloc(1, sizeof(*binds) + limit * sizeof(binds->listeners[0]));

	if (!binds)
		return -ENOMEM;
	binds->limit = limit;
	*ret_state = binds;
	return 0;
}

static int begin(void *state, const struct facts *facts)
{
	struct binds *binds = state;

	binds->facts = facts;
	binds->length = 0;
	return 0;
}

static int compare(const struct listener *a, const struct listener *b)
{
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;

	const int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (order)
		return order;
	if (a->interface != b->interface)
		return a->interface < b->interface ? -1 : 1;
	return 0;
}

/* SO_REUSEPORT lets many sockets listen on one address and port: they are one listener. */
static void insert(struct binds *binds, const struct listener *listener)
{
	size_t low = 0;
	size_t high = binds->length;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = compare(listener, &binds->listeners[middle]);

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

/*
 * UDP has no LISTEN: a server is an unconnected socket whose port was chosen by number,
 * and only sockets with such a port are handed to us.
 */
static bool is_listener(const struct socket *socket)
{
	return socket->protocol == SOCKET_TCP ? socket->state == SOCKET_LISTEN
					      : socket->state == SOCKET_CLOSE;
}

static int observe(void *state, const struct socket *socket)
{
	struct binds *binds = state;

	if (!is_listener(socket) ||
	    !port_range_has(binds->facts->settings.range, socket->local_port))
		return 0;
	insert(binds, &(struct listener){
			  .port = socket->local_port,
			  .protocol = socket->protocol,
			  .family = socket->family,
			  .address = socket->local,
			  .interface = socket->interface,
		      });
	return 0;
}

static void emit_listener(
    struct metric_set *set, const struct facts *facts, const struct listener *listener)
{
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];

	socket_bound_format(&listener->address, listener->family, listener->interface, address);
	snprintf(port, sizeof(port), "%u", listener->port);
	metric_add(set, &listener_info, 1,
	    METRIC_LABELS(socket_protocol_name(listener->protocol), address, port,
		portset_has(&facts->settings.reserved, listener->port) ? "true" : "false"));
}

static int emit(void *state, struct metric_set *set)
{
	const struct binds *binds = state;
	const struct facts *facts = binds->facts;
	const struct bound_ports ports = facts_count_bound(facts);

	metric_add(set, &bound_ports, ports.listen, METRIC_LABELS("listen"));
	metric_add(set, &bound_ports, ports.bound, METRIC_LABELS("bound"));
	metric_add(set, &bound_ports, ports.connected, METRIC_LABELS("connected"));
	metric_add(set, &bound_ports_age, facts->holders.connected_age_seconds, METRIC_NO_LABELS);
	metric_add(set, &usable_ports, facts->capacity, METRIC_NO_LABELS);
	for (size_t i = 0; i < binds->length; i++)
		emit_listener(set, facts, &binds->listeners[i]);
	return 0;
}

static const struct collector_flag flags[] = {
    [BINDS_REFRESH_SOCKETS] = {"refresh-sockets",
	"up to how many TCP sockets ports that were bound and then connected are listed anew for "
	"every scrape, which takes a second walk",
	200000, 0, 100000000},
    [BINDS_REFRESH_SECONDS] = {"refresh-seconds",
	"how old that list may become where there are more sockets", 300, 0, 86400},
    [BINDS_LISTENERS_LIMIT] = {"listeners-limit", "how many listeners inside the range are shown",
	100, 0, 10000},
    [BINDS_BUCKETS] = {"buckets",
	"ask BPF, and not sock_diag, which ports a bind() holds, so that none is missed; takes "
	"CAP_BPF and CAP_PERFMON when it starts",
	BINDS_BUCKETS_BY_DEFAULT, 0, 1,
	"with --collector.exhaustion, and in ephemera destinations, port and trace where they may"},
    {.name = NULL},
};

const struct collector binds_collector = {
    .name = "binds",
    .help = "ports of the range held by bind(), what they leave, and listeners inside the range",
    .cost = "The listing of listeners; the first part of the TCP walk, which has the sockets that "
	    "only bind(); and a second TCP walk for the ports that were bound by number and then "
	    "connected. With more TCP sockets than --collector.binds.refresh-sockets that second "
	    "walk is made only once in --collector.binds.refresh-seconds. With "
	    "--collector.binds.buckets a BPF program makes it, which takes about three times as "
	    "long. Two listings of UDP, "
	    "for ports chosen by number. It keeps 32 bytes for each listener that it may show, "
	    "and six sets of ports, 8 KiB each, for all collectors together.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_UDP_CHOSEN,
    .families = families,
    .flags = flags,
    .create = create,
    .begin = begin,
    .observe = observe,
    .emit = emit,
    .destroy = free,
};
