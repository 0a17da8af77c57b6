// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_ports.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/gather.h"
#include "collectors/kernel/clock.h"
#include "collectors/views/destination_rows.h"
#include "exporter/base/time_share.h"

#define LOOK_SECONDS 1.0
#define LOOK_SHARE 0.1
#define LOOK_BURST_SECONDS 0.5

struct trace_ports {
	struct gatherer *finder; /* NULL: the sockets cannot be read */
	struct timespec looked;
	struct time_share look_time;
};

struct trace_ports *trace_ports_new(const struct options *options)
{
	struct trace_ports *ports = calloc(1, sizeof(*ports));

	if (ports &&
	    destination_finder_open(&options->source, options->sysfs, NULL, &ports->finder) < 0)
		ports->finder = NULL;
	return ports;
}

void trace_ports_free(struct trace_ports *ports)
{
	if (ports)
		gatherer_free(ports->finder);
	free(ports);
}

static void look(struct trace_ports *ports)
{
	struct gathering gathering;

	ports->looked = clock_now();
	if (gather(ports->finder, 1, NULL, NULL, NULL, &gathering) == 0)
		time_share_spend(&ports->look_time, gathering.seconds);
}

static bool is_due(struct trace_ports *ports)
{
	if (ports->looked.tv_sec && clock_seconds_since(&ports->looked) < LOOK_SECONDS)
		return false;
	return time_share_allows(&ports->look_time, LOOK_SHARE, LOOK_BURST_SECONDS);
}

/* Where its own interface has no socket there yet, those of no interface are what it met. */
static bool is_of(const struct destination *destination, const struct exhausted_event *event)
{
	struct destination met = {
	    .family = event->family ? SOCKET_IPV6 : SOCKET_IPV4,
	    .port = event->remote_port,
	};

	memcpy(&met.source, event->local, sizeof(met.source));
	memcpy(&met.address, event->remote, sizeof(met.address));
	if (destination->interface)
		met.interface = event->interface;
	return destination_same(destination, &met);
}

void trace_ports_find(struct trace_ports *ports, struct traced *traced)
{
	const struct destination_rows *rows;

	if (!ports->finder || traced->event->call != EXHAUSTED_CONNECT)
		return;
	if (is_due(ports))
		look(ports);
	rows = destination_rows_found(gatherer_state(ports->finder, 0));
	if (!rows)
		return;
	traced->usable_ports = rows->capacity;
	/* Where bind() has all ports, no destination has any. */
	traced->has_ports = rows->capacity == 0;
	for (size_t i = 0; i < rows->length; i++) {
		if (!is_of(&rows->list[i].destination, traced->event))
			continue;

		const unsigned used = destination_used(&rows->list[i].destination);

		if (used > traced->ports)
			traced->ports = used;
		traced->has_ports = true;
	}
}

void trace_ports_find_fullest(struct traced *traced)
{
	const struct survey_result *result = &traced->namespace->result;
	/* Without usable ports the ratio is 1: this one has not been looked at. */
	const bool is_unknown = result->usable == 0 && result->ratio == 0;

	if (traced->event->call != EXHAUSTED_CONNECT || is_unknown)
		return;
	traced->usable_ports = result->usable;
	traced->has_ports = result->usable == 0;
	if (result->used == 0 || !is_of(&result->fullest, traced->event))
		return;
	traced->ports = result->used;
	traced->has_ports = true;
}
