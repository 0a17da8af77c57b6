// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth_turns.h"

#include <stdlib.h>

#define FIRST_OF_DENIED 2UL

struct entry {
	struct peer peer;
	unsigned long since; /* 0: this place is free */
};

struct list {
	size_t size;
	struct entry *entries;
	size_t length; /* entries behind it are free */
};

struct auth_turns {
	unsigned long now; /* one more with each check */
	struct entry granted_entries[AUTH_TURNS_GRANTED];
	struct entry denied_entries[AUTH_TURNS_DENIED];
	struct list granted;
	struct list denied;
};

struct auth_turns *auth_turns_new(void)
{
	struct auth_turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return NULL;
	turns->now = FIRST_OF_DENIED;
	turns->granted = (struct list){AUTH_TURNS_GRANTED, turns->granted_entries, 0};
	turns->denied = (struct list){AUTH_TURNS_DENIED, turns->denied_entries, 0};
	return turns;
}

void auth_turns_free(struct auth_turns *turns)
{
	free(turns);
}

static struct entry *find(const struct list *list, const struct peer *peer)
{
	for (size_t i = 0; i < list->length; i++)
		if (list->entries[i].since && peer_is_same(&list->entries[i].peer, peer))
			return &list->entries[i];
	return NULL;
}

static void forget(struct list *list, const struct peer *peer)
{
	struct entry *entry = find(list, peer);

	if (entry)
		entry->since = 0;
}

/* A free place, else the one of the oldest. */
static struct entry *find_place(struct list *list)
{
	struct entry *oldest = NULL;

	for (size_t i = 0; i < list->length; i++)
		if (!oldest || list->entries[i].since < oldest->since)
			oldest = &list->entries[i];
	if (list->length < list->size && !(oldest && oldest->since == 0))
		oldest = &list->entries[list->length++];
	return oldest;
}

static void add(struct list *list, const struct peer *peer, unsigned long now)
{
	struct entry *entry = find(list, peer);

	if (!entry)
		entry = find_place(list);
	*entry = (struct entry){*peer, now};
}

static unsigned long turn_of_denied(const struct auth_turns *turns, const struct peer *peer)
{
	const struct entry *denied = find(&turns->denied, peer);
	struct peer network;

	if (!denied && peer_network(peer, &network))
		denied = find(&turns->denied, &network);
	return denied ? denied->since : AUTH_TURN_NEW;
}

unsigned long auth_turns_of(const struct auth_turns *turns, const struct peer *peer)
{
	return find(&turns->granted, peer) ? AUTH_TURN_GRANTED : turn_of_denied(turns, peer);
}

unsigned long auth_turns_note(struct auth_turns *turns, const struct peer *peer, bool granted)
{
	const unsigned long now = turns->now++;
	struct peer network;

	add(granted ? &turns->granted : &turns->denied, peer, now);
	forget(granted ? &turns->denied : &turns->granted, peer);
	if (!granted && peer_network(peer, &network))
		add(&turns->denied, &network, now);
	return granted ? AUTH_TURN_GRANTED : now;
}
