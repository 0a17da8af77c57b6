// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/address_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Above any IPv4 address, and above any place of an IPv6 one. */
#define IPV4 (UINT64_C(1) << 40)

#define FIRST_CAPACITY 64u

struct address_ids {
	uint64_t seed; /* peers choose addresses, and must not be able to choose collisions */
	struct socket_address *list;
	size_t length;
	uint32_t *places;  /* open addressing: 1 + the place in list, or 0 */
	uint32_t capacity; /* a power of two, or 0; half of it is the most that is in the list */
};

struct address_ids *address_ids_new(void)
{
	struct address_ids *ids = calloc(1, sizeof(*ids));

	/* Without randomness it still finds them, but collisions are predictable. */
	if (ids && getrandom(&ids->seed, sizeof(ids->seed), GRND_NONBLOCK) < 0)
		ids->seed = (uintptr_t)ids;
	return ids;
}

void address_ids_clear(struct address_ids *ids)
{
	free(ids->list);
	free(ids->places);
	ids->list = NULL;
	ids->places = NULL;
	ids->length = ids->capacity = 0;
}

void address_ids_free(struct address_ids *ids)
{
	if (!ids)
		return;
	address_ids_clear(ids);
	free(ids);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	const unsigned __int128 product =
	    (unsigned __int128)(hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The place that has the address, or the free one where it belongs. */
static uint32_t *find(const struct address_ids *ids, const struct socket_address *address)
{
	const uint32_t mask = ids->capacity - 1;
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	for (uint64_t i = mix(mix(ids->seed, words[0]), words[1]);; i++) {
		uint32_t *place = &ids->places[i & mask];

		if (!*place || memcmp(&ids->list[*place - 1], address, sizeof(*address)) == 0)
			return place;
	}
}

static int grow(struct address_ids *ids)
{
	const uint32_t capacity = ids->capacity ? ids->capacity * 2 : FIRST_CAPACITY;
	struct socket_address *list = realloc(ids->list, capacity / 2 * sizeof(*list));
	uint32_t *places = list ? calloc(capacity, sizeof(*places)) : NULL;

	if (list)
		ids->list = list;
	if (!places)
		return -ENOMEM;
	free(ids->places);
	ids->places = places;
	ids->capacity = capacity;
	for (size_t i = 0; i < ids->length; i++)
		*find(ids, &ids->list[i]) = (uint32_t)i + 1;
	return 0;
}

int address_ids_add(struct address_ids *ids, enum socket_family family,
    const struct socket_address *address, uint64_t *ret_id)
{
	uint32_t *place;

	if (family == SOCKET_IPV4) {
		uint32_t word;

		memcpy(&word, address->bytes, sizeof(word));
		*ret_id = IPV4 | word;
		return 0;
	}
	if (ids->length == ids->capacity / 2 && ids->length < ADDRESS_IDS_MAX) {
		const int result = grow(ids);

		if (result < 0)
			return result;
	}
	place = find(ids, address);
	if (!*place && ids->length < ADDRESS_IDS_MAX) {
		ids->list[ids->length++] = *address;
		*place = (uint32_t)ids->length;
	}
	*ret_id = *place;
	return 0;
}

bool address_ids_find(
    const struct address_ids *ids, uint64_t id, struct socket_address *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (id & IPV4) {
		const uint32_t word = (uint32_t)id;

		memcpy(ret_address->bytes, &word, sizeof(word));
		return true;
	}
	if (id == 0 || id > ids->length)
		return false;
	*ret_address = ids->list[id - 1];
	return true;
}
