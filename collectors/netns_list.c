// SPDX-License-Identifier: Apache-2.0
/* Which network namespaces there are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/namespaces_state.h"

/* Ids are numbers one after the other, or nearly. */
static size_t slot_of(const struct namespaces *namespaces, uint32_t id)
{
	size_t slot = id & namespaces->mask;

	while (namespaces->slots[slot] && namespaces->slots[slot]->id != id)
		slot = (slot + 1) & namespaces->mask;
	return slot;
}

struct netns *namespaces_find(struct namespaces *namespaces, uint32_t id)
{
	if (namespaces->last && namespaces->last->id == id)
		return namespaces->last;
	if (!namespaces->slots)
		return NULL;

	struct netns *found = namespaces->slots[slot_of(namespaces, id)];

	if (found)
		namespaces->last = found;
	return found;
}

/* Makes the table anew for all of the list. */
static void place_all(struct namespaces *namespaces)
{
	if (!namespaces->slots)
		return;
	memset(namespaces->slots, 0, (namespaces->mask + 1) * sizeof(struct netns *));
	namespaces->last = NULL;
	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		namespaces->slots[slot_of(namespaces, netns->id)] = netns;
	}
}

/* Makes room for one more: the table is at most half full. Returns 0 or -ENOMEM. */
static int make_room(struct namespaces *namespaces)
{
	const size_t capacity = namespaces->capacity ? namespaces->capacity * 2 : 64;
	struct netns **list;
	struct netns **slots;

	if (namespaces->length < namespaces->capacity)
		return 0;
	list = reallocarray(namespaces->list, capacity, sizeof(struct netns *));
	if (!list)
		return -ENOMEM;
	namespaces->list = list;
	slots = reallocarray(namespaces->slots, capacity * 2, sizeof(struct netns *));
	if (!slots)
		return -ENOMEM;
	namespaces->slots = slots;
	namespaces->mask = capacity * 2 - 1;
	namespaces->capacity = capacity;
	place_all(namespaces);
	return 0;
}

static struct netns *add(struct namespaces *namespaces, uint32_t id)
{
	struct netns *netns;

	if (make_room(namespaces) < 0)
		return NULL;
	netns = calloc(1, sizeof(*netns));
	if (!netns)
		return NULL;
	netns->id = id;
	namespaces->added++;
	namespaces->list[namespaces->length++] = netns;
	namespaces->slots[slot_of(namespaces, id)] = netns;
	return netns;
}

/* Found one in the kernel's list. Its settings are read later, with its reserved ports. */
static int note(void *context, const struct walk_namespace *entry)
{
	struct namespaces *namespaces = context;
	struct netns *netns = namespaces_find(namespaces, entry->id);

	/* The next gathering has it. */
	if (!netns && namespaces->is_closed)
		return 0;
	if (!netns)
		netns = add(namespaces, entry->id);
	if (!netns)
		return -ENOMEM;
	netns->round = namespaces->round;
	netns->entry = *entry;
	return 0;
}

static void forget_gone(struct namespaces *namespaces)
{
	size_t kept = 0;

	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		if (netns->round == namespaces->round)
			namespaces->list[kept++] = netns;
		else
			netns_free(namespaces, netns);
	}
	namespaces->length = kept;
	place_all(namespaces);
}

static int list(struct namespaces *namespaces, struct source *source)
{
	int result;

	namespaces->round++;
	result = source_list_namespaces(source, note, namespaces);
	if (result == 0)
		forget_gone(namespaces);
	return result;
}

static int name_all(struct namespaces *namespaces)
{
	int result = 0;

	for (size_t i = 0; i < namespaces->length && result == 0; i++)
		result = netns_labels_name(namespaces, namespaces->list[i]);
	return result;
}

/*
 * A namespace's inode goes to the next one as soon as it is gone. So a name counts only for one
 * that was listed both before the names were read and after it. Those that are new are listed
 * again.
 */
int netns_list_read(struct namespaces *namespaces, struct source *source)
{
	const char *directory = namespaces->options.names;
	const size_t before = namespaces->added;
	int result = netns_names_read(directory, &namespaces->names);

	if (result == 0)
		result = list(namespaces, source);
	if (result == 0 && namespaces->added != before) {
		result = netns_names_read(directory, &namespaces->names);
		namespaces->is_closed = true;
		if (result == 0)
			result = list(namespaces, source);
		namespaces->is_closed = false;
	}
	return result == 0 ? name_all(namespaces) : result;
}
