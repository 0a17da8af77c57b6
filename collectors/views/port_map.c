// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_map.h"

#include <string.h>

struct mapper {
	const struct facts *facts;
	uint8_t states[PORTS];	      /* while a walk runs */
	uint16_t wait_seconds[PORTS]; /* the same */
	bool found;
	struct port_map map; /* of the last complete walk */
};

static int init(void *state, const struct collector_config *config)
{
	((struct mapper *)state)->facts = config->facts;
	return 0;
}

static void reset(void *state)
{
	struct mapper *mapper = state;

	memset(mapper->states, PORT_STATE_FREE, sizeof(mapper->states));
	memset(mapper->wait_seconds, 0, sizeof(mapper->wait_seconds));
}

static void note(struct mapper *mapper, uint16_t port, enum port_state state)
{
	if (state > mapper->states[port])
		mapper->states[port] = (uint8_t)state;
}

static void note_wait(struct mapper *mapper, const struct socket *socket)
{
	uint16_t *seconds = &mapper->wait_seconds[socket->local_port];
	/* It is not back before the last of its milliseconds. */
	const uint32_t left = socket->expires_ms / 1000 + (socket->expires_ms % 1000 != 0);
	const uint16_t shown = left < UINT16_MAX ? (uint16_t)left : UINT16_MAX;

	if (shown > *seconds)
		*seconds = shown;
}

static int observe(void *state, const struct socket *socket)
{
	const enum port_state use = port_state_of(socket, false);

	note(state, socket->local_port, use);
	if (use == PORT_STATE_TIME_WAIT)
		note_wait(state, socket);
	return 0;
}

static int observe_chosen(void *state, const struct socket *socket)
{
	note(state, socket->local_port, port_state_of(socket, true));
	return 0;
}

static int finish(void *state)
{
	struct mapper *mapper = state;
	struct port_map *map = &mapper->map;
	const struct facts *facts = mapper->facts;

	map->range = facts->settings.range;
	memset(map->counts, 0, sizeof(map->counts));
	for (unsigned port = 0; port < PORTS; port++) {
		/* The list may be older than the walk, so some of its ports may be free now. */
		if (mapper->states[port] == PORT_STATE_OUTBOUND &&
		    portset_has(&facts->holders.connected, (uint16_t)port))
			note(mapper, (uint16_t)port, PORT_STATE_BOUND);
		if (portset_has(&facts->settings.reserved, (uint16_t)port))
			note(mapper, (uint16_t)port, PORT_STATE_RESERVED);
		map->states[port] = mapper->states[port];
		map->counts[map->states[port]]++;
	}
	memcpy(map->time_wait_seconds, mapper->wait_seconds, sizeof(map->time_wait_seconds));
	mapper->found = true;
	return 0;
}

const struct collector port_map_view = {
    .name = "port map",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_UDP_CHOSEN | NEEDS_TCP | NEEDS_UDP,
    .state_size = sizeof(struct mapper),
    .init = init,
    .reset = reset,
    .observe = observe,
    .observe_chosen = observe_chosen,
    .finish = finish,
};

const struct port_map *port_map_found(const void *state)
{
	const struct mapper *mapper = state;

	return mapper->found ? &mapper->map : NULL;
}
