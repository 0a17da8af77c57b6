// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/failed_tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The kernel writes a key in nanoseconds. */
#define TRIES 8

/* A place at the look before. */
struct seen {
	uint64_t version;
	uint64_t count;
};

struct failed_tally {
	uint32_t id;
	struct seen seen[FAILED_DESTINATIONS]; /* [i]: of the place at i */
	struct tally_place places[FAILED_TALLY_KEYS];
	size_t length;
	uint64_t tracked; /* the sum of all places */
	uint64_t untracked;
	struct tally_top *top;
};
_Static_assert(FAILED_OWNERS <= FAILED_DESTINATIONS, "room for the places of both");

struct failed_tally *failed_tally_new(uint32_t id, size_t limit)
{
	struct failed_tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return NULL;
	tally->id = id;
	tally->top = tally_top_new(tally->places, FAILED_TALLY_KEYS, limit);
	if (tally->top)
		return tally;
	free(tally);
	return NULL;
}

void failed_tally_free(struct failed_tally *tally)
{
	if (!tally)
		return;
	tally_top_free(tally->top);
	free(tally);
}

/* Returns whether the place is the namespace's; the kernel may be giving it to another key. */
static bool read_place(const struct failed *place, uint32_t id, struct failed *ret_read)
{
	for (int i = 0; i < TRIES; i++) {
		const uint64_t before = __atomic_load_n(&place->state, __ATOMIC_ACQUIRE);

		if (before & FAILED_VERSION)
			continue;
		/* Each comes before the state is read again. */
		for (int word = 0; word < 4; word++)
			ret_read->key.words[word] =
			    __atomic_load_n(&place->key.words[word], __ATOMIC_ACQUIRE);
		ret_read->state = __atomic_load_n(&place->state, __ATOMIC_RELAXED);
		if (ret_read->state / FAILED_VERSION == before / FAILED_VERSION)
			return ret_read->state && ret_read->key.words[3] == id;
	}
	return false;
}

/* The counter of that key; NULL: there is none left. */
static struct tally_place *counter_of(struct failed_tally *tally, const struct tally_key *key)
{
	struct tally_place *place = tally->places;

	for (size_t i = 0; i < tally->length; i++, place++)
		if (memcmp(&place->key, key, sizeof(*key)) == 0)
			return place;
	if (tally->length == FAILED_TALLY_KEYS)
		return NULL;
	tally->length++;
	place->key = *key;
	place->state = TALLY_TAKEN;
	return place;
}

static void add(struct failed_tally *tally, const struct failed *read, struct seen *seen)
{
	const struct seen now = {read->state / FAILED_VERSION, read->state % FAILED_VERSION};
	const uint64_t grown = now.version == seen->version ? now.count - seen->count : now.count;
	struct tally_place *counter;
	struct tally_key key;

	*seen = now;
	memcpy(&key, &read->key, sizeof(key));
	counter = grown ? counter_of(tally, &key) : NULL;
	if (!counter)
		return;
	counter->count += grown;
	tally->tracked += grown;
}

void failed_tally_read(struct failed_tally *tally, const struct failed *list, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		struct failed read;

		/* The version of a place that is another's now says so when it is ours again. */
		if (read_place(&list[i], tally->id, &read))
			add(tally, &read, &tally->seen[i]);
	}
}

struct tally_top *failed_tally_top(
    struct failed_tally *tally, uint64_t all, uint64_t *ret_untracked)
{
	if (all > tally->tracked && all - tally->tracked > tally->untracked)
		tally->untracked = all - tally->tracked;
	*ret_untracked = tally->untracked;
	return tally->top;
}
