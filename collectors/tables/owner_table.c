// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/owner_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u
#define OWNERS_MAX 131072u

struct owner_table {
	struct owner *places; /* open addressing; an id of 0 is a free place */
	size_t capacity;      /* a power of two, or 0 */
	size_t length;
	size_t last; /* most records share a cgroup with the one before */
	unsigned long untracked;
};

struct owner_table *owner_table_new(void)
{
	return calloc(1, sizeof(struct owner_table));
}

void owner_table_clear(struct owner_table *table)
{
	free(table->places);
	memset(table, 0, sizeof(*table));
}

void owner_table_free(struct owner_table *table)
{
	if (!table)
		return;
	owner_table_clear(table);
	free(table);
}

/* The kernel assigns ids one after the other: no peer can make them collide. */
static size_t find(const struct owner *places, size_t capacity, uint64_t id)
{
	size_t i = (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (capacity - 1);

	while (places[i].cgroup_id && places[i].cgroup_id != id)
		i = (i + 1) & (capacity - 1);
	return i;
}

static int grow(struct owner_table *table)
{
	const size_t capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY;
	struct owner *places = calloc(capacity, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->places[i].cgroup_id)
			places[find(places, capacity, table->places[i].cgroup_id)] =
			    table->places[i];
	free(table->places);
	table->places = places;
	table->capacity = capacity;
	table->last = 0;
	return 0;
}

int owner_table_add(struct owner_table *table, uint64_t cgroup_id)
{
	if (table->length && table->places[table->last].cgroup_id == cgroup_id) {
		table->places[table->last].count++;
		return 0;
	}
	if (table->length >= table->capacity / 2) {
		const int result = grow(table);

		if (result < 0)
			return result;
	}

	const size_t i = find(table->places, table->capacity, cgroup_id);

	if (!table->places[i].cgroup_id) {
		if (table->length == OWNERS_MAX) {
			table->untracked++;
			return 0;
		}
		table->places[i].cgroup_id = cgroup_id;
		table->length++;
	}
	table->places[i].count++;
	table->last = i;
	return 0;
}

unsigned long owner_table_untracked(const struct owner_table *table)
{
	return table->untracked;
}

struct owner *owner_table_list(const struct owner_table *table, size_t *ret_length)
{
	struct owner *list = calloc(table->length ? table->length : 1, sizeof(*list));
	size_t length = 0;

	if (!list)
		return NULL;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->places[i].cgroup_id)
			list[length++] = table->places[i];
	*ret_length = length;
	return list;
}
