// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/interface.h"
#include "collectors/tables/owner_ports.h"
#include "collectors/views/owner_match.h"

struct marker {
	const struct marks_asked *asked; /* the walk's; NULL: nobody ever asks */
	struct cgroups *cgroups;
	struct pods *pods;
	bool is_own;			/* names of interfaces are of this network namespace */
	bool has_owner;			/* one of those that are asked for is an owner */
	uint32_t interfaces[MARKS_MAX]; /* of destinations; 0: any */
	struct owner_ports *owned;
	struct portset found[MARKS_MAX]; /* reset leaves it alone: it is asked for after the walk */
};

static int init(void *state, const struct collector_config *config)
{
	struct marker *marker = state;

	marker->asked = config->marks;
	marker->cgroups = config->cgroups;
	marker->pods = config->pods;
	marker->is_own = config->procfs != NULL;
	marker->owned = owner_ports_new();
	return marker->owned ? 0 : -ENOMEM;
}

static void reset(void *state)
{
	struct marker *marker = state;

	owner_ports_clear(marker->owned);
	marker->has_owner = false;
}

/* The index of the interface; UINT32_MAX: there is none, so no socket has it. 0: any. */
static uint32_t find_interface(const struct marker *marker, const char *name)
{
	uint32_t index;

	if (!name[0])
		return 0;
	if (strspn(name, "0123456789") == strlen(name))
		return (uint32_t)strtoul(name, NULL, 10);
	if (!marker->is_own)
		return 0;
	return interface_find(name, &index) < 0 ? UINT32_MAX : index;
}

static size_t length_of(const struct marker *marker)
{
	return marker->asked ? marker->asked->length : 0;
}

static int begin(void *state)
{
	struct marker *marker = state;

	for (size_t i = 0; i < length_of(marker); i++) {
		const struct mark_asked *mark = &marker->asked->list[i];

		memset(&marker->found[i], 0, sizeof(marker->found[i]));
		marker->interfaces[i] = find_interface(marker, mark->interface);
		if (mark->owner[0])
			marker->has_owner = true;
	}
	return 0;
}

static bool is_towards(const struct marker *marker, size_t i, const struct socket *socket)
{
	const struct mark_asked *mark = &marker->asked->list[i];
	const uint32_t interface = marker->interfaces[i];

	return !mark->owner[0] && mark->port == socket->remote_port &&
	       mark->family == socket->family && (!interface || interface == socket->interface) &&
	       memcmp(&mark->address, &socket->remote, sizeof(mark->address)) == 0;
}

static int observe(void *state, const struct socket *socket)
{
	struct marker *marker = state;

	/* A request has no port of its own yet: it is the listener's. */
	if (socket->protocol == SOCKET_TCP && socket->state == SOCKET_SYN_RECV)
		return 0;
	if (socket->protocol == SOCKET_TCP && socket->remote_port)
		for (size_t i = 0; i < length_of(marker); i++)
			if (is_towards(marker, i, socket))
				portset_add(&marker->found[i], socket->local_port);
	if (!marker->has_owner || !socket->cgroup_id || !socket_has_owner(socket) ||
	    !socket->local_port)
		return 0;
	return owner_ports_add(marker->owned, socket->cgroup_id, socket->local_port);
}

static int compare_ids(const void *first, const void *second)
{
	const uint64_t a = *(const uint64_t *)first;
	const uint64_t b = *(const uint64_t *)second;

	return a < b ? -1 : a > b;
}

/* The cgroups that have ports, each once, in order. */
static size_t list_ids(const struct owner_ports *owned, uint64_t *ids)
{
	struct owner_port pair;
	size_t position = 0;
	size_t length = 0;
	size_t unique = 0;

	while (owner_ports_next(owned, &position, &pair))
		ids[length++] = pair.cgroup_id;
	qsort(ids, length, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < length; i++)
		if (i == 0 || ids[i] != ids[unique - 1])
			ids[unique++] = ids[i];
	return unique;
}

/* A bit for each place of the list whose owner has the cgroup. */
static uint8_t match(const struct marker *marker, const char *path)
{
	uint8_t places = 0;

	for (size_t i = 0; path && i < marker->asked->length; i++)
		if (marker->asked->list[i].owner[0] &&
		    owner_matches(marker->asked->list[i].owner, path, marker->pods))
			places |= (uint8_t)(1u << i);
	return places;
}

_Static_assert(MARKS_MAX <= 8, "match() has a bit for each");

static void mark_all(
    struct marker *marker, const uint64_t *ids, size_t length, const uint8_t *places)
{
	struct owner_port pair;
	size_t position = 0;

	while (owner_ports_next(marker->owned, &position, &pair)) {
		const uint64_t *id =
		    bsearch(&pair.cgroup_id, ids, length, sizeof(*ids), compare_ids);

		for (size_t i = 0; i < MARKS_MAX; i++)
			if (places[id - ids] >> i & 1)
				portset_add(&marker->found[i], pair.port);
	}
}

static int mark_owned(struct marker *marker, const uint64_t *ids, size_t length)
{
	cleanup_free const char **paths = calloc(length + 1, sizeof(*paths));
	cleanup_free uint8_t *places = calloc(length + 1, sizeof(*places));
	int result;

	if (!paths || !places)
		return -ENOMEM;
	result = cgroups_resolve(marker->cgroups, ids, length, paths);
	for (size_t i = 0; i < length && result == 0; i++)
		places[i] = match(marker, paths[i]);
	if (result == 0)
		mark_all(marker, ids, length, places);
	return result;
}

static int finish(void *state)
{
	struct marker *marker = state;
	const size_t pairs = owner_ports_length(marker->owned);
	cleanup_free uint64_t *ids = calloc(pairs + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	return pairs ? mark_owned(marker, ids, list_ids(marker->owned, ids)) : 0;
}

static void release(void *state)
{
	owner_ports_free(((struct marker *)state)->owned);
}

const struct collector port_marks_view = {
    .name = "port marks",
    .needs = NEEDS_BINDS | NEEDS_TCP | NEEDS_UDP,
    .state_size = sizeof(struct marker),
    .init = init,
    .reset = reset,
    .begin = begin,
    .observe = observe,
    .finish = finish,
    .release = release,
};

const struct portset *port_marks_found(const void *state, size_t place)
{
	return &((const struct marker *)state)->found[place];
}
