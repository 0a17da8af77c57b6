// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/owner_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024u

struct owner_ports {
	struct owner_port *places; /* open addressing; an id of 0 is a free place */
	size_t capacity;	   /* a power of two, or 0 */
	size_t length;
};

struct owner_ports *owner_ports_new(void)
{
	return calloc(1, sizeof(struct owner_ports));
}

void owner_ports_clear(struct owner_ports *ports)
{
	free(ports->places);
	memset(ports, 0, sizeof(*ports));
}

void owner_ports_free(struct owner_ports *ports)
{
	if (!ports)
		return;
	owner_ports_clear(ports);
	free(ports);
}

/* The place of the pair, or a free one for it. */
static size_t find(
    const struct owner_port *places, size_t capacity, uint64_t cgroup_id, uint16_t port)
{
	const uint64_t mixed = (cgroup_id * 65536 + port) * UINT64_C(0x9E3779B97F4A7C15);
	size_t i = (size_t)(mixed >> 32) & (capacity - 1);

	while (places[i].cgroup_id && (places[i].cgroup_id != cgroup_id || places[i].port != port))
		i = (i + 1) & (capacity - 1);
	return i;
}

static int grow(struct owner_ports *ports)
{
	const size_t capacity = ports->capacity ? ports->capacity * 2 : FIRST_CAPACITY;
	struct owner_port *places = calloc(capacity, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < ports->capacity; i++) {
		const struct owner_port *pair = &ports->places[i];

		if (pair->cgroup_id)
			places[find(places, capacity, pair->cgroup_id, pair->port)] = *pair;
	}
	free(ports->places);
	ports->places = places;
	ports->capacity = capacity;
	return 0;
}

int owner_ports_add(struct owner_ports *ports, uint64_t cgroup_id, uint16_t port)
{
	size_t place;

	/* Half of the places stay free. */
	if (ports->length * 2 >= ports->capacity) {
		const int result = grow(ports);

		if (result < 0)
			return result;
	}
	place = find(ports->places, ports->capacity, cgroup_id, port);
	if (ports->places[place].cgroup_id)
		return 0;
	if (ports->length == OWNER_PORTS_MAX)
		return -E2BIG;
	ports->places[place] = (struct owner_port){cgroup_id, port};
	ports->length++;
	return 0;
}

size_t owner_ports_length(const struct owner_ports *ports)
{
	return ports->length;
}

bool owner_ports_next(
    const struct owner_ports *ports, size_t *position, struct owner_port *ret_pair)
{
	while (*position < ports->capacity) {
		const struct owner_port *pair = &ports->places[(*position)++];

		if (!pair->cgroup_id)
			continue;
		*ret_pair = *pair;
		return true;
	}
	return false;
}
