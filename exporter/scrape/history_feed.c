// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/history_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/registry.h"
#include "collectors/views/destination_rows.h"
#include "collectors/views/views.h"

extern const struct collector binds_collector;
extern const struct collector destinations_collector;
extern const struct collector exhaustion_collector;
extern const struct collector snat_collector;

/* The next sample of the exporter's own namespace: others have labels around theirs. */
static size_t next_own(
    const struct metric_set *set, const struct metric_family *family, size_t position)
{
	do {
		position = metric_set_next(set, family, position);
	} while (position != METRIC_END && metric_set_surroundings(set, position)[0]);
	return position;
}

/* The sum of the samples of a family, and whether there is one. */
static uint64_t sum(const struct metric_set *set, const char *name, bool *ret_any)
{
	const struct metric_family *family = collector_family(&exhaustion_collector, name);
	uint64_t all = 0;

	*ret_any = false;
	for (size_t at = next_own(set, family, METRIC_FIRST); at != METRIC_END;
	     at = next_own(set, family, at)) {
		*ret_any = true;
		all += (uint64_t)metric_set_value(set, at);
	}
	return all;
}

static void take_failures(const struct metric_set *set, struct history_look *look)
{
	bool any;

	look->failures = sum(set, "ephemera_port_exhaustion_errors_total", &look->has_failures);
	look->calls = look->failures + sum(set, "ephemera_bind_port_exhaustion_errors_total", &any);
}

static void feed_rows(struct history *history, int64_t time_ms, const struct destination_rows *rows,
    const struct metric_set *set)
{
	struct history_look look = {.time_ms = time_ms, .usable = rows->capacity};

	for (size_t i = 0; i < rows->length && look.length < HISTORY_DESTINATIONS; i++) {
		const struct destination *destination = &rows->list[i].destination;
		struct history_destination *found = &look.list[look.length++];

		destination_source_format(destination, found->source);
		socket_address_format(&destination->address, destination->family,
		    destination->interface, found->destination);
		found->port = destination->port;
		found->used = destination_used(destination);
	}
	take_failures(set, &look);
	history_note(history, &look);
}

static const char *behind(const char *label)
{
	return label + strlen(label) + 1;
}

static bool is_same(const struct history_destination *found, const char *source,
    const char *destination, unsigned long port)
{
	return found->port == port && strcmp(found->source, source) == 0 &&
	       strcmp(found->destination, destination) == 0;
}

/* Of a destination a sample for each state, one after the other. Those are the fullest first. */
static void take_destinations(const struct metric_set *set, struct history_look *look)
{
	const struct metric_family *family =
	    collector_family(&destinations_collector, "ephemera_destination_ports");

	for (size_t at = next_own(set, family, METRIC_FIRST); at != METRIC_END;
	     at = next_own(set, family, at)) {
		const char *source = metric_set_labels(set, at);
		const char *destination = behind(source);
		const char *port_text = behind(destination);
		const char *state = behind(port_text);
		const unsigned long port = strtoul(port_text, NULL, 10);
		struct history_destination *found =
		    look->length ? &look->list[look->length - 1] : NULL;

		if (!found || !is_same(found, source, destination, port)) {
			if (look->length == HISTORY_DESTINATIONS)
				return;
			found = &look->list[look->length++];
			snprintf(found->source, sizeof(found->source), "%s", source);
			snprintf(found->destination, sizeof(found->destination), "%s", destination);
			found->port = (uint16_t)port;
		}
		if (strcmp(state, "reusable") != 0)
			found->used += (unsigned)metric_set_value(set, at);
	}
}

static void feed_samples(struct history *history, int64_t time_ms, const struct metric_set *set)
{
	struct history_look look = {.time_ms = time_ms};
	const struct metric_family *usable =
	    collector_family(&binds_collector, "ephemera_range_usable_ports");
	const struct metric_family *worst =
	    collector_family(&destinations_collector, "ephemera_worst_destination_ports");
	const size_t at = next_own(set, usable, METRIC_FIRST);

	/* A host without a connection has no destination, but its worst is 0. */
	if (at == METRIC_END || next_own(set, worst, METRIC_FIRST) == METRIC_END)
		return;
	look.usable = (unsigned)metric_set_value(set, at);
	take_destinations(set, &look);
	take_failures(set, &look);
	history_note(history, &look);
}

/* A sample's pool, if it has more active ports than the one that was taken. */
static void take_pool(const struct metric_set *set, size_t at, struct history_snat *snat)
{
	const char *protocol = metric_set_labels(set, at);
	const char *source = behind(protocol);
	const char *destination = behind(source);
	const char *port = behind(destination);
	const unsigned used = (unsigned)metric_set_value(set, at);

	const char *zone = behind(port);

	if (strcmp(behind(zone), "active") != 0 || used <= snat->pool.used)
		return;
	snat->has_pool = true;
	snat->pool =
	    (struct history_destination){.port = (uint16_t)strtoul(port, NULL, 10), .used = used};
	snat->zone = (unsigned)strtoul(zone, NULL, 10);
	snprintf(snat->protocol, sizeof(snat->protocol), "%s", protocol);
	snprintf(snat->pool.source, sizeof(snat->pool.source), "%s", source);
	snprintf(snat->pool.destination, sizeof(snat->pool.destination), "%s", destination);
}

/* What a scrape of the collector snat says. Requests of the API do not ask for it. */
static void feed_snat(struct history *history, int64_t time_ms, const struct metric_set *set)
{
	const struct metric_family *ports =
	    collector_family(&snat_collector, "ephemera_snat_ports");
	const struct metric_family *range =
	    collector_family(&snat_collector, "ephemera_snat_range_ports");
	struct history_snat snat = {.time_ms = time_ms};
	const size_t found = next_own(set, range, METRIC_FIRST);

	if (found == METRIC_END)
		return;
	snat.ports = (unsigned)metric_set_value(set, found);
	for (size_t at = next_own(set, ports, METRIC_FIRST); at != METRIC_END;
	     at = next_own(set, ports, at))
		take_pool(set, at, &snat);
	history_note_snat(history, &snat);
}

void history_feed(struct history *history, const struct gatherer *gatherer,
    const struct gathering *gathering, const struct metric_set *set)
{
	const size_t place = collectors_length + VIEW_DESTINATIONS;
	const int64_t now_ms = history_now();

	feed_snat(history, now_ms, set);
	if (gathering->asked >> place & 1 && gathering->outcomes[place].error == 0)
		feed_rows(
		    history, now_ms, destination_rows_found(gatherer_state(gatherer, place)), set);
	else
		feed_samples(history, now_ms, set);
}
