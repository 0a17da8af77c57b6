// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_CAPACITY 64u

/* The interface, which most destinations lack, is last, so that it can be left out. */
struct key4 {
	uint8_t source[4];
	uint8_t address[4];
	uint16_t port;
	uint8_t interface[4];
};

struct key6 {
	uint8_t source[16];
	uint8_t address[16];
	uint32_t interface;
	uint16_t port;
};

#define KEY4_SIZE 10u
#define KEY4_BOUND_SIZE 14u
#define KEY6_SIZE 38u
#define COUNTS_SIZE (PORT_USES * sizeof(uint16_t))
#define VALUES_SIZE (COUNTS_SIZE + sizeof(destination_owner_handle))

_Static_assert(offsetof(struct key4, interface) == KEY4_SIZE, "no padding inside the key");
_Static_assert(sizeof(struct key4) == KEY4_BOUND_SIZE, "no padding inside the key");
_Static_assert(offsetof(struct key6, port) + 2 == KEY6_SIZE, "no padding inside the key");

/* Open addressing, linear probing. An entry is its key, its counts and the handle of its owners; a
 * free one is all zero, which no counted one can be. */
struct places {
	uint8_t *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t length;
};

/* IPv4 destinations of sockets that are bound to an interface: four bytes more each. */
#define IPV4_BOUND SOCKET_FAMILIES
#define PLACES (IPV4_BOUND + 1)

struct destination_table {
	size_t limit;
	uint64_t seed; /* peers choose addresses, and must not be able to choose collisions */
	struct places places[PLACES];
	struct destination_owners *owners; /* NULL: they are not told apart */
};

int destination_table_new(size_t limit, bool has_owners, struct destination_table **ret_table)
{
	struct destination_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->owners = has_owners ? destination_owners_new(limit) : NULL;
	if (has_owners && !table->owners) {
		free(table);
		return -ENOMEM;
	}
	table->limit = limit;
	/* Without randomness it still counts right, but collisions are predictable. */
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
		table->seed = (uintptr_t)table;
	*ret_table = table;
	return 0;
}

void destination_table_clear(struct destination_table *table)
{
	for (int i = 0; i < PLACES; i++) {
		free(table->places[i].entries);
		table->places[i] = (struct places){0};
	}
	if (table->owners)
		destination_owners_clear(table->owners);
}

void destination_table_free(struct destination_table *table)
{
	if (!table)
		return;
	destination_table_clear(table);
	destination_owners_free(table->owners);
	free(table);
}

size_t destination_table_length(const struct destination_table *table)
{
	size_t length = 0;

	for (int i = 0; i < PLACES; i++)
		length += table->places[i].length;
	return length;
}

void destination_table_limit(struct destination_table *table, size_t limit)
{
	table->limit = limit;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
	const unsigned __int128 product =
	    (unsigned __int128)(hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_key(uint64_t seed, const void *key, size_t size)
{
	const uint8_t *bytes = key;
	uint64_t hash = seed;
	uint64_t word;

	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, size);
	return mix(mix(hash, word), seed);
}

static inline bool is_free(const uint8_t *entry, size_t key_size)
{
	static const uint8_t zero[COUNTS_SIZE];

	return memcmp(entry + key_size, zero, COUNTS_SIZE) == 0;
}

/* The entry with that key, or the free one where it belongs. */
static inline uint8_t *find(
    const struct places *places, uint64_t seed, const void *key, size_t key_size)
{
	const size_t mask = places->capacity - 1;
	const size_t entry_size = key_size + VALUES_SIZE;

	for (size_t i = hash_key(seed, key, key_size) & mask;; i = (i + 1) & mask) {
		uint8_t *entry = places->entries + i * entry_size;

		if (is_free(entry, key_size) || memcmp(entry, key, key_size) == 0)
			return entry;
	}
}

static int grow(struct places *places, uint64_t seed, size_t key_size)
{
	const size_t entry_size = key_size + VALUES_SIZE;
	struct places larger = {
	    .capacity = places->capacity ? places->capacity * 2 : FIRST_CAPACITY,
	    .length = places->length,
	};

	larger.entries = calloc(larger.capacity, entry_size);
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < places->capacity; i++) {
		const uint8_t *entry = places->entries + i * entry_size;

		if (!is_free(entry, key_size))
			memcpy(find(&larger, seed, entry, key_size), entry, entry_size);
	}
	free(places->entries);
	*places = larger;
	return 0;
}

static inline bool is_at_limit(const struct destination_table *table, int which)
{
	return which == SOCKET_IPV6
		   ? table->places[SOCKET_IPV6].length >= table->limit
		   : table->places[SOCKET_IPV4].length + table->places[IPV4_BOUND].length >=
			 table->limit;
}

static inline int add_owner(
    struct destination_owners *owners, uint8_t *at, unsigned before, uint64_t cgroup_id)
{
	destination_owner_handle handle;
	int result;

	memcpy(&handle, at, sizeof(handle));
	result = destination_owners_add(owners, &handle, before, cgroup_id);
	memcpy(at, &handle, sizeof(handle));
	return result;
}

static inline int count(struct destination_table *table, int which, const void *key,
    size_t key_size, enum port_use use, uint64_t cgroup_id)
{
	struct places *places = &table->places[which];
	uint16_t counts[PORT_USES];

	if (places->length >= places->capacity / 4 * 3) {
		const int result = grow(places, table->seed, key_size);

		if (result < 0)
			return result;
	}

	uint8_t *entry = find(places, table->seed, key, key_size);

	if (is_free(entry, key_size)) {
		if (is_at_limit(table, which))
			return -ENOBUFS;
		memcpy(entry, key, key_size);
		places->length++;
	}
	memcpy(counts, entry + key_size, sizeof(counts));
	if (counts[use] < UINT16_MAX)
		counts[use]++;
	memcpy(entry + key_size, counts, sizeof(counts));
	/* TIME_WAIT has no owner. */
	return use != PORT_ACTIVE || !table->owners
		   ? 0
		   : add_owner(table->owners, entry + key_size + COUNTS_SIZE,
			 counts[PORT_ACTIVE] - 1u, cgroup_id);
}

int destination_table_add(
    struct destination_table *table, const struct socket *socket, enum port_use use)
{
	if (socket->family == SOCKET_IPV4) {
		struct key4 key = {.port = socket->remote_port};

		memcpy(key.source, socket->local.bytes, sizeof(key.source));
		memcpy(key.address, socket->remote.bytes, sizeof(key.address));
		if (!socket->interface)
			return count(table, SOCKET_IPV4, &key, KEY4_SIZE, use, socket->cgroup_id);
		memcpy(key.interface, &socket->interface, sizeof(key.interface));
		return count(table, IPV4_BOUND, &key, KEY4_BOUND_SIZE, use, socket->cgroup_id);
	}

	struct key6 key = {.interface = socket->interface, .port = socket->remote_port};

	memcpy(key.source, socket->local.bytes, sizeof(key.source));
	memcpy(key.address, socket->remote.bytes, sizeof(key.address));
	return count(table, SOCKET_IPV6, &key, KEY6_SIZE, use, socket->cgroup_id);
}

/* The counts of that destination's sockets that are bound to that interface; NULL: it has none. */
static inline const uint8_t *find_counts(const struct destination_table *table,
    const struct destination *destination, uint32_t interface)
{
	const bool is_ipv4 = destination->family == SOCKET_IPV4;
	const int which = is_ipv4 && interface ? IPV4_BOUND : (int)destination->family;
	const size_t key_size = !is_ipv4 ? KEY6_SIZE : interface ? KEY4_BOUND_SIZE : KEY4_SIZE;
	const struct places *places = &table->places[which];
	struct key4 key4 = {.port = destination->port};
	struct key6 key6 = {.interface = interface, .port = destination->port};

	if (!places->capacity)
		return NULL;
	memcpy(key4.source, destination->source.bytes, sizeof(key4.source));
	memcpy(key4.address, destination->address.bytes, sizeof(key4.address));
	memcpy(key4.interface, &interface, sizeof(key4.interface));
	memcpy(key6.source, destination->source.bytes, sizeof(key6.source));
	memcpy(key6.address, destination->address.bytes, sizeof(key6.address));
	return find(places, table->seed, is_ipv4 ? (void *)&key4 : (void *)&key6, key_size) +
	       key_size;
}

void destination_table_count(const struct destination_table *table,
    const struct destination *destination, uint16_t ret_counts[static PORT_USES])
{
	const uint8_t *counts = find_counts(table, destination, destination->interface);

	memset(ret_counts, 0, COUNTS_SIZE);
	if (counts)
		memcpy(ret_counts, counts, COUNTS_SIZE);
}

/*
 * inet_match() in include/net/inet_hashtables.h, inet_bound_dev_eq() in include/net/inet_sock.h:
 * a socket that is bound to an interface conflicts with others bound to it and with sockets bound
 * to none; a socket bound to none conflicts only with those bound to none.
 */
void destination_table_share(
    const struct destination_table *table, unsigned capacity, struct destination *destination)
{
	const unsigned own = destination_used(destination);
	uint16_t counts[PORT_USES];

	if (!destination->interface || own >= capacity)
		return;

	const uint8_t *at = find_counts(table, destination, 0);
	unsigned shared;

	if (!at)
		return;
	memcpy(counts, at, sizeof(counts));
	shared = (unsigned)counts[PORT_ACTIVE] + counts[PORT_TIME_WAIT];
	/* A port that both kinds have is lost only once, but which ones these are is not kept. */
	destination->shared = shared < capacity - own ? shared : capacity - own;
}

static void read_values(const uint8_t *values, struct destination *destination)
{
	memcpy(destination->ports, values, COUNTS_SIZE);
	memcpy(&destination->owners, values + COUNTS_SIZE, sizeof(destination->owners));
}

static void read_entry4(const uint8_t *entry, size_t key_size, struct destination *destination)
{
	struct key4 key = {.port = 0};

	memcpy(&key, entry, key_size);
	destination->port = key.port;
	memcpy(&destination->interface, key.interface, sizeof(key.interface));
	memcpy(destination->source.bytes, key.source, sizeof(key.source));
	memcpy(destination->address.bytes, key.address, sizeof(key.address));
	read_values(entry + key_size, destination);
}

static void read_entry6(const uint8_t *entry, struct destination *destination)
{
	struct key6 key;

	memcpy(&key, entry, KEY6_SIZE);
	destination->port = key.port;
	destination->interface = key.interface;
	memcpy(destination->source.bytes, key.source, sizeof(key.source));
	memcpy(destination->address.bytes, key.address, sizeof(key.address));
	read_values(entry + KEY6_SIZE, destination);
}

/* Returns the next entry that is taken, or NULL at the end of the places. */
static const uint8_t *next_entry(const struct places *places, size_t key_size, size_t *position)
{
	while (*position < places->capacity) {
		const uint8_t *entry = places->entries + (*position)++ * (key_size + VALUES_SIZE);

		if (!is_free(entry, key_size))
			return entry;
	}
	return NULL;
}

static bool next_bound4(
    const struct destination_table *table, size_t *position, struct destination *destination)
{
	const size_t before = table->places[SOCKET_IPV4].capacity;
	size_t own = *position - before;
	const uint8_t *entry = next_entry(&table->places[IPV4_BOUND], KEY4_BOUND_SIZE, &own);

	*position = before + own;
	if (entry)
		read_entry4(entry, KEY4_BOUND_SIZE, destination);
	return entry != NULL;
}

bool destination_table_next(const struct destination_table *table, enum socket_family family,
    size_t *position, struct destination *ret_destination)
{
	const size_t key_size = family == SOCKET_IPV4 ? KEY4_SIZE : KEY6_SIZE;
	const uint8_t *entry = next_entry(&table->places[family], key_size, position);

	memset(ret_destination, 0, sizeof(*ret_destination));
	ret_destination->family = family;
	if (!entry)
		return family == SOCKET_IPV4 && next_bound4(table, position, ret_destination);
	if (family == SOCKET_IPV4)
		read_entry4(entry, key_size, ret_destination);
	else
		read_entry6(entry, ret_destination);
	return true;
}

int destination_table_list_owners(const struct destination_table *table,
    const struct destination *destination, struct owner **ret_list, size_t *ret_length)
{
	if (table->owners)
		return destination_owners_list(table->owners, destination->owners,
		    destination->ports[PORT_ACTIVE], ret_list, ret_length);
	*ret_list = NULL;
	*ret_length = 0;
	return 0;
}
