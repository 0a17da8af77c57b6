// SPDX-License-Identifier: Apache-2.0
/*
 * How many ports each destination has taken. This is where exhaustion happens: the ports
 * of the range are there anew for each (source, destination, destination port).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/destination_table.h"

static const struct metric_family destination_count = {
    .name = "ephemera_destinations",
    .help = "Destinations by how much of the usable ports they have taken: low below 50 %, half "
	    "below 90 %, high below 100 %, full with none left. From half on connect() is slow, "
	    "at full it fails.",
    .type = METRIC_GAUGE,
    .labels = {"family", "pressure"},
};
static const struct metric_family worst_ports = {
    .name = "ephemera_worst_destination_ports",
    .help = "Ports that the fullest destination has taken, reusable TIME_WAIT aside.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_destination_usage_ratio",
    .help = "Share of the usable ports that the fullest destination has taken: connect() to it "
	    "slows down from 0.5 on and fails at 1. It is 1, too, where no port is usable.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
};
static const struct metric_family destination_ports = {
    .name = "ephemera_destination_ports",
    .help = "Ports taken by the fullest destinations, up to --collector.destinations.limit of "
	    "them. Reusable: in TIME_WAIT, but connect() may take them now.",
    .type = METRIC_GAUGE,
    .labels = {"source", "destination", "destination_port", "state"},
};
static const struct metric_family other_ports = {
    .name = "ephemera_other_destination_ports",
    .help = "Ports taken by all destinations that are not shown one by one, reusable TIME_WAIT "
	    "included.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
};
static const struct metric_family untracked_ports = {
    .name = "ephemera_untracked_destination_ports",
    .help = "Of the other destinations' ports, those of destinations beyond "
	    "--collector.destinations.tracked-limit. Where this is not 0, the fullest destination "
	    "may have been missed: raise the limit.",
    .type = METRIC_GAUGE,
    .labels = {"family"},
};

static const struct metric_family *const families[] = {
    &destination_count,
    &worst_ports,
    &worst_ratio,
    &destination_ports,
    &other_ports,
    &untracked_ports,
    NULL,
};

enum { FLAG_LIMIT, FLAG_MINIMUM_PORTS, FLAG_TRACKED_LIMIT };

enum pressure { PRESSURE_LOW, PRESSURE_HALF, PRESSURE_HIGH, PRESSURE_FULL, PRESSURES };

static const char *const pressure_names[PRESSURES] = {"low", "half", "high", "full"};
static const char *const use_names[PORT_USES] = {"active", "time_wait", "reusable"};

struct destinations {
	const struct facts *facts;
	struct destination_table *table;
	unsigned long untracked[SOCKET_FAMILIES];
	unsigned minimum_ports;
	size_t limit;
	size_t length;
	struct destination fullest[]; /* a heap with the least full of them on top */
};

static int create(const unsigned long *values, void **ret_state)
{
	const size_t limit = values[FLAG_LIMIT];
	struct destinations *state = calloc(1, sizeof(*state) + limit * sizeof(state->fullest[0]));

	if (!state)
		return -ENOMEM;
	state->limit = limit;
	state->minimum_ports = (unsigned)values[FLAG_MINIMUM_PORTS];

	const int result = destination_table_new(values[FLAG_TRACKED_LIMIT], &state->table);

	if (result < 0) {
		free(state);
		return result;
	}
	*ret_state = state;
	return 0;
}

static void destroy(void *state)
{
	destination_table_free(((struct destinations *)state)->table);
	free(state);
}

static int begin(void *state, const struct facts *facts)
{
	struct destinations *destinations = state;

	destinations->facts = facts;
	destination_table_clear(destinations->table);
	memset(destinations->untracked, 0, sizeof(destinations->untracked));
	destinations->length = 0;
	return 0;
}

/*
 * tcp_twsk_unique() in net/ipv4/tcp_ipv4.c: a TIME_WAIT can be taken over where
 * tcp_tw_reuse applies, once it is older than the delay, if the connection used
 * timestamps. That its peer did cannot be seen in a record; that this host does not, can.
 */
#define TIME_WAIT_MS 60000u   /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define LOOPBACK_INTERFACE 1u /* LOOPBACK_IFINDEX, the same in every namespace */

static bool is_reusable(const struct socket *socket, const struct settings *settings)
{
	if (settings->time_wait_reuse <= 0 || settings->timestamps == 0)
		return false;
	if (settings->time_wait_reuse == 2 && socket->interface != LOOPBACK_INTERFACE &&
	    !socket_address_is_loopback(&socket->local, socket->family) &&
	    !socket_address_is_loopback(&socket->remote, socket->family))
		return false;
	if (socket->expires_ms >= TIME_WAIT_MS)
		return false;
	return TIME_WAIT_MS - socket->expires_ms > (unsigned)settings->time_wait_reuse_delay_ms;
}

static int observe(void *state, const struct socket *socket)
{
	struct destinations *destinations = state;
	const struct facts *facts = destinations->facts;
	enum port_use use = PORT_ACTIVE;

	if (socket->protocol != SOCKET_TCP || socket->state == SOCKET_LISTEN ||
	    socket->state == SOCKET_BOUND || socket->state == SOCKET_CLOSE)
		return 0;
	/*
	 * A port that a bind() holds is off the capacity already, be it the listener's of an
	 * inbound connection (row 12) or that of a socket which was bound to it and then
	 * connected. One outside the range or reserved never was part of the capacity.
	 */
	if (!portset_has(&facts->usable, socket->local_port))
		return 0;
	if (socket->state == SOCKET_TIME_WAIT)
		use = is_reusable(socket, &facts->settings) ? PORT_REUSABLE : PORT_TIME_WAIT;

	const int result = destination_table_count(destinations->table, socket, use);

	if (result == -ENOBUFS) {
		destinations->untracked[socket->family]++;
		return 0;
	}
	return result;
}

static enum pressure pressure_of(unsigned used, unsigned capacity)
{
	if (used >= capacity)
		return PRESSURE_FULL;
	if (used * 10 >= capacity * 9)
		return PRESSURE_HIGH;
	return used * 2 >= capacity ? PRESSURE_HALF : PRESSURE_LOW;
}

/* Sinks the entry at i until none below it is less full. */
static void sift_down(struct destination *heap, size_t length, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < length; child++)
			if (destination_compare(&heap[child], &heap[least]) > 0)
				least = child;
		if (least == i)
			return;

		const struct destination moved = heap[i];

		heap[i] = heap[least];
		heap[least] = moved;
		i = least;
	}
}

static void keep_if_full(struct destinations *state, const struct destination *destination)
{
	if (state->limit == 0 || destination_total(destination) < state->minimum_ports)
		return;
	if (state->length < state->limit) {
		state->fullest[state->length++] = *destination;
		for (size_t i = state->length / 2; state->length == state->limit && i-- > 0;)
			sift_down(state->fullest, state->length, i);
		return;
	}
	if (destination_compare(destination, &state->fullest[0]) < 0) {
		state->fullest[0] = *destination;
		sift_down(state->fullest, state->length, 0);
	}
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
		const unsigned used = destination_used(&destination);

		summary->pressures[pressure_of(used, state->facts->capacity)]++;
		summary->ports += destination_total(&destination);
		if (used > summary->worst)
			summary->worst = used;
		keep_if_full(state, &destination);
	}
}

static int compare(const void *a, const void *b)
{
	return destination_compare(a, b);
}

static void emit_destination(struct metric_set *set, const struct destination *destination)
{
	char source[SOCKET_ADDRESS_TEXT];
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];

	socket_address_format(
	    &destination->source, destination->family, destination->interface, source);
	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	snprintf(port, sizeof(port), "%u", destination->port);
	for (enum port_use use = 0; use < PORT_USES; use++)
		metric_add(set, &destination_ports, destination->ports[use],
		    METRIC_LABELS(source, address, port, use_names[use]));
}

static void emit_summary(struct metric_set *set, enum socket_family family, unsigned capacity,
    const struct summary *summary)
{
	const char *name = socket_family_name(family);

	for (enum pressure pressure = 0; pressure < PRESSURES; pressure++)
		metric_add(set, &destination_count, (double)summary->pressures[pressure],
		    METRIC_LABELS(name, pressure_names[pressure]));
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
	destination_table_clear(destinations->table);
	qsort(destinations->fullest, destinations->length, sizeof(struct destination), compare);
	for (size_t i = 0; i < destinations->length; i++) {
		const struct destination *shown = &destinations->fullest[i];

		summaries[shown->family].ports -= destination_total(shown);
		emit_destination(set, shown);
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
	"how many ports a destination must have taken to be shown, reusable ones included", 100, 0,
	65536},
    [FLAG_TRACKED_LIMIT] = {"tracked-limit",
	"how many destinations of a family are told apart; 20 to 180 bytes each while a scrape "
	"runs",
	1000000, 1000, 100000000},
    {.name = NULL},
};

const struct collector destinations_collector = {
    .name = "destinations",
    .help = "ports taken by destination: who runs out, towards whom",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_TCP,
    .families = families,
    .flags = flags,
    .create = create,
    .begin = begin,
    .observe = observe,
    .emit = emit,
    .destroy = destroy,
};
