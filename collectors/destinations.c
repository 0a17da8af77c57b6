// SPDX-License-Identifier: Apache-2.0
/*
 * How many ports each destination has taken. This is where exhaustion happens: each (source,
 * destination, destination port) has all ports of the range.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/shown_owners.h"
#include "collectors/tables/destination_table.h"
#include "collectors/tables/destination_top.h"
#include "collectors/tables/pressure.h"

static const struct metric_family destination_count = {
    .name = "ephemera_destinations",
    .help = "Destinations by the share of the usable ports that they have taken: low below 50 %, "
	    "half below 90 %, high below 100 %, full with none left. connect() is slow from half "
	    "on, and fails at full.",
    .type = METRIC_GAUGE,
    .labels = {"family", "pressure"},
    .example = "sum by (instance) (ephemera_destinations{pressure=~\"high|full\"}) > 0",
};
static const struct metric_family worst_ports = {
    .name = "ephemera_worst_destination_ports",
    .help =
	"Ports that the fullest destination has taken, without reusable TIME_WAIT. If its sockets "
	"are bound to an interface, this includes ports of sockets that are bound to none and have "
	"the same destination.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
    .example = "predict_linear(ephemera_worst_destination_ports[30m], 3600) > on (job, instance) "
	       "group_left () ephemera_range_usable_ports",
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_destination_usage_ratio",
    .help = "Share of the usable ports that the fullest destination has taken. connect() to it is "
	    "slow from 0.5 on and fails at 1. Also 1 if no port is usable.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
    .example = "max by (instance) (ephemera_worst_destination_usage_ratio) > 0.5",
};
static const struct metric_family destination_ports = {
    .name = "ephemera_destination_ports",
    .help =
	"Ports taken by the fullest destinations, up to --collector.destinations.limit. Reusable: "
	"in TIME_WAIT, but connect() may take them now; they count as time_wait unless "
	"ephemera_kernel_feature{feature=\"time_wait_reuse\"} is 1. Sockets that are bound to an "
	"interface count as a separate destination, with the interface after its source, as in "
	"192.0.2.1%eth0.",
    .type = METRIC_GAUGE,
    .labels = {"source", "destination", "destination_port", "state"},
    .example = "topk(10, sum without (state) (ephemera_destination_ports{state!=\"reusable\"}))",
};
static const struct metric_family other_ports = {
    .name = "ephemera_other_destination_ports",
    .help = "Ports taken by all destinations that are not shown, including reusable TIME_WAIT.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
    .example = "topk(10, sum by (instance) (ephemera_other_destination_ports))",
};
static const struct metric_family untracked_ports = {
    .name = "ephemera_untracked_destination_ports",
    .help = "Of the other destinations' ports, those of destinations beyond "
	    "--collector.destinations.tracked-limit. If this is not 0, the fullest destination may "
	    "be missing: raise the limit.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
    .example = "ephemera_untracked_destination_ports > 0",
};

static const struct metric_family *const families[] = {
    &destination_count,
    &worst_ports,
    &worst_ratio,
    &destination_ports,
    &destination_owner_ports,
    &destination_other_owner_ports,
    &other_ports,
    &untracked_ports,
    NULL,
};

enum { FLAG_LIMIT, FLAG_MINIMUM_PORTS, FLAG_TRACKED_LIMIT, FLAG_OWNERS_LIMIT };

static const char *const use_names[PORT_USES] = {"active", "time_wait", "reusable"};

struct destinations {
	const struct facts *facts;
	struct destination_table *table;
	unsigned long untracked[SOCKET_FAMILIES];
	unsigned minimum_ports;
	struct destination_top top;
	struct shown_owners *owners;
};

static void release(void *context)
{
	struct destinations *state = context;

	destination_table_free(state->table);
	destination_top_release(&state->top);
	shown_owners_free(state->owners);
}

static int init(void *context, const struct collector_config *config)
{
	struct destinations *state = context;
	const size_t owners = config->values[FLAG_OWNERS_LIMIT];
	const int result = destination_top_init(&state->top, config->values[FLAG_LIMIT]);

	state->facts = config->facts;
	state->minimum_ports = (unsigned)config->values[FLAG_MINIMUM_PORTS];
	state->owners = shown_owners_new(config->cgroups, config->pods, owners);
	if (result < 0 || !state->owners)
		return -ENOMEM;
	return destination_table_new(
	    config->values[FLAG_TRACKED_LIMIT], owners != 0, &state->table);
}

static void reset(void *state)
{
	struct destinations *destinations = state;

	destination_table_clear(destinations->table);
	memset(destinations->untracked, 0, sizeof(destinations->untracked));
	destination_top_clear(&destinations->top);
	shown_owners_reset(destinations->owners);
}

static int observe(void *state, const struct socket *socket)
{
	struct destinations *destinations = state;
	const struct facts *facts = destinations->facts;

	if (!facts_is_leased(facts, socket))
		return 0;

	const int result = destination_table_add(destinations->table, socket,
	    port_use_of(socket, &facts->settings, facts->holders.stamps));

	if (result == -ENOBUFS) {
		destinations->untracked[socket->family]++;
		return 0;
	}
	return result;
}

struct summary {
	unsigned long pressures[PRESSURES];
	unsigned long ports;
	unsigned worst;
};

static void summarise(
    struct destinations *state, enum socket_family family, struct summary *summary)
{
	struct destination destination;
	size_t position = 0;

	*summary = (struct summary){.ports = state->untracked[family]};
	while (destination_table_next(state->table, family, &position, &destination)) {
		destination_table_share(state->table, state->facts->capacity, &destination);

		const unsigned used = destination_used(&destination);

		summary->pressures[pressure_of(used, state->facts->capacity)]++;
		summary->ports += destination_total(&destination);
		if (used > summary->worst)
			summary->worst = used;
		if (destination_total(&destination) + destination.shared >= state->minimum_ports)
			destination_top_offer(&state->top, &destination);
	}
}

static void emit_destination(const struct destinations *state, size_t i, struct metric_set *set)
{
	const struct destination *destination = &state->top.list[i];
	char source[SOCKET_ADDRESS_TEXT];
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];

	destination_source_format(destination, source);
	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	snprintf(port, sizeof(port), "%u", destination->port);
	for (enum port_use use = 0; use < PORT_USES; use++)
		metric_add(set, &destination_ports, destination->ports[use],
		    METRIC_LABELS(source, address, port, use_names[use]));
	shown_owners_emit(state->owners, i, source, address, port, set);
}

static void emit_summary(struct metric_set *set, enum socket_family family, unsigned capacity,
    const struct summary *summary)
{
	const char *name = socket_family_name(family);

	for (enum pressure pressure = 0; pressure < PRESSURES; pressure++)
		metric_add(set, &destination_count, (double)summary->pressures[pressure],
		    METRIC_LABELS(name, pressure_name(pressure)));
	metric_add(set, &worst_ports, summary->worst, METRIC_LABELS(name));
	metric_add(set, &worst_ratio, capacity ? (double)summary->worst / capacity : 1,
	    METRIC_LABELS(name));
}

static int emit(void *state, struct metric_set *set)
{
	struct destinations *destinations = state;
	struct summary summaries[SOCKET_FAMILIES];

	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		summarise(destinations, family, &summaries[family]);
		emit_summary(set, family, destinations->facts->capacity, &summaries[family]);
	}
	destination_top_sort(&destinations->top);

	const int result =
	    shown_owners_take(destinations->owners, destinations->table, &destinations->top);

	destination_table_clear(destinations->table);
	if (result < 0)
		return result;
	for (size_t i = 0; i < destinations->top.length; i++) {
		const struct destination *shown = &destinations->top.list[i];

		summaries[shown->family].ports -= destination_total(shown);
		emit_destination(destinations, i, set);
	}
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		const char *name = socket_family_name(family);

		metric_add(set, &other_ports, (double)summaries[family].ports, METRIC_LABELS(name));
		metric_add(set, &untracked_ports, (double)destinations->untracked[family],
		    METRIC_LABELS(name));
	}
	return 0;
}

static const struct collector_flag flags[] = {
    [FLAG_LIMIT] = {"limit", "how many of the fullest destinations are shown", 20, 0, 1000},
    [FLAG_MINIMUM_PORTS] = {"minimum-ports",
	"how many ports a destination must have taken to be shown, including reusable ones", 100, 0,
	65536},
    [FLAG_TRACKED_LIMIT] = {"tracked-limit",
	"maximum destinations counted for each family; 27 to 192 bytes each during a scrape",
	1000000, 1000, 100000000},
    [FLAG_OWNERS_LIMIT] = {"owners-limit",
	"how many cgroups with the most ports are shown of each destination; 0: owners are not "
	"looked at",
	3, 0, 100},
    {.name = NULL},
};

const struct collector destinations_collector = {
    .name = "destinations",
    .help = "ports taken by destination: which ones run out",
    .cost = "What binds needs, without UDP, and one walk over all TCP sockets. Each destination "
	    "has a place in a table that doubles as it fills, 20 bytes (IPv4, 24 with an "
	    "interface) or 48 (IPv6) a place: a million destinations take 60 MiB (IPv4) or 144 MiB "
	    "(IPv6) at the peak. Of destinations that several cgroups use, each cgroup takes 24 to "
	    "48 bytes. All is freed when the scrape ends; "
	    "--collector.destinations.tracked-limit bounds it for each family. Names of cgroups "
	    "cost what they cost in owners.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP,
    .families = families,
    .flags = flags,
    .state_size = sizeof(struct destinations),
    .init = init,
    .reset = reset,
    .observe = observe,
    .emit = emit,
    .release = release,
};
