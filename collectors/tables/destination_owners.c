// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_owners.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CGROUPS_MAX 131072u
#define FIRST_CAPACITY 64u

/*
 * A handle is 0, or 1 + the only owner, or SEVERAL and where the first of its shares is. UNKNOWN:
 * it has several owners, and there was no place for them.
 */
#define SEVERAL 0x80000000u
#define UNKNOWN UINT32_MAX
#define NOBODY 0u

/* What one owner has of a destination that has several. */
struct share {
	uint32_t first; /* of the same destination, which tells it from others */
	uint32_t owner;
	uint32_t ports;
	uint32_t next; /* of the same destination; 0: none, since the first is nobody's next */
};

/* Open addressing: the number of an entry plus one, or 0. At most half of the slots are taken. */
struct slots {
	uint32_t *list;
	size_t capacity; /* a power of two, or 0 */
};

struct destination_owners {
	size_t limit;

	uint64_t *cgroups; /* by the number of the owner; the first is nobody */
	size_t cgroups_length;
	struct slots cgroup_slots;
	uint32_t last; /* most records share a cgroup with the one before */

	struct share *shares;
	size_t shares_length;
	struct slots share_slots;
};

struct destination_owners *destination_owners_new(size_t limit)
{
	struct destination_owners *owners = calloc(1, sizeof(*owners));

	if (owners)
		owners->limit = limit < SEVERAL / 2 ? limit : SEVERAL / 2;
	return owners;
}

void destination_owners_clear(struct destination_owners *owners)
{
	const size_t limit = owners->limit;

	free(owners->cgroups);
	free(owners->cgroup_slots.list);
	free(owners->shares);
	free(owners->share_slots.list);
	*owners = (struct destination_owners){.limit = limit};
}

void destination_owners_free(struct destination_owners *owners)
{
	if (!owners)
		return;
	destination_owners_clear(owners);
	free(owners);
}

/* Neither is a peer's choice: the kernel numbers cgroups, and we number shares. */
static size_t spread(uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static size_t cgroup_hash(const struct destination_owners *owners, uint32_t number)
{
	return spread(owners->cgroups[number]);
}

static size_t share_hash(const struct destination_owners *owners, uint32_t number)
{
	const struct share *share = &owners->shares[number];

	return spread((uint64_t)share->first << 32 | share->owner);
}

/* Makes room for twice as many entries, of entry_size, and puts those of before in new slots. */
static int grow(const struct destination_owners *owners, struct slots *slots, void **entries,
    size_t length, size_t entry_size,
    size_t (*hash)(const struct destination_owners *owners, uint32_t number))
{
	const size_t capacity = slots->capacity ? slots->capacity * 2 : FIRST_CAPACITY;
	void *larger = realloc(*entries, capacity / 2 * entry_size);
	uint32_t *list;

	if (!larger)
		return -ENOMEM;
	*entries = larger;
	list = calloc(capacity, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < length; i++) {
		size_t at = hash(owners, i) & (capacity - 1);

		while (list[at])
			at = (at + 1) & (capacity - 1);
		list[at] = i + 1;
	}
	free(slots->list);
	*slots = (struct slots){list, capacity};
	return 0;
}

static int new_cgroup(struct destination_owners *owners, uint64_t cgroup_id, uint32_t *slot)
{
	owners->cgroups[owners->cgroups_length] = cgroup_id;
	*slot = (uint32_t)++owners->cgroups_length;
	return (int)(owners->cgroups_length - 1);
}

/* The number of the owner, or -ENOMEM. */
static int number_of(struct destination_owners *owners, uint64_t cgroup_id)
{
	struct slots *slots = &owners->cgroup_slots;
	size_t at;

	if (owners->cgroups_length && owners->cgroups[owners->last] == cgroup_id)
		return (int)owners->last;
	if (owners->cgroups_length >= slots->capacity / 2) {
		const int result = grow(owners, slots, (void **)&owners->cgroups,
		    owners->cgroups_length, sizeof(*owners->cgroups), cgroup_hash);

		if (result < 0)
			return result;
	}
	if (owners->cgroups_length == 0)
		(void)new_cgroup(owners, 0, &slots->list[spread(0) & (slots->capacity - 1)]);
	at = spread(cgroup_id) & (slots->capacity - 1);
	while (slots->list[at] && owners->cgroups[slots->list[at] - 1] != cgroup_id)
		at = (at + 1) & (slots->capacity - 1);
	if (slots->list[at])
		owners->last = slots->list[at] - 1;
	else if (owners->cgroups_length > CGROUPS_MAX)
		return NOBODY;
	else
		owners->last = (uint32_t)new_cgroup(owners, cgroup_id, &slots->list[at]);
	return (int)owners->last;
}

/* The slot of that share, or the free one where it belongs. There must be slots. */
static uint32_t *find_share(struct destination_owners *owners, uint32_t first, uint32_t owner)
{
	const struct slots *slots = &owners->share_slots;
	const size_t mask = slots->capacity - 1;
	size_t at = spread((uint64_t)first << 32 | owner) & mask;

	while (slots->list[at] && (owners->shares[slots->list[at] - 1].first != first ||
				      owners->shares[slots->list[at] - 1].owner != owner))
		at = (at + 1) & mask;
	return &slots->list[at];
}

static int make_room(struct destination_owners *owners, size_t added)
{
	int result = 0;

	while (result == 0 && owners->shares_length + added > owners->share_slots.capacity / 2)
		result = grow(owners, &owners->share_slots, (void **)&owners->shares,
		    owners->shares_length, sizeof(*owners->shares), share_hash);
	return result;
}

/* Room for it was made. first: its own number, for the first one of a destination. */
static void new_share(
    struct destination_owners *owners, uint32_t first, uint32_t owner, uint32_t ports)
{
	const uint32_t number = (uint32_t)owners->shares_length++;
	struct share *share = &owners->shares[number];

	*share = (struct share){.first = first, .owner = owner, .ports = ports};
	if (number != first) {
		share->next = owners->shares[first].next;
		owners->shares[first].next = number;
	}
	*find_share(owners, first, owner) = number + 1;
}

/* The destination, which had one owner so far, gets a second one. */
static int split(struct destination_owners *owners, destination_owner_handle *handle,
    unsigned before, uint32_t owner)
{
	const uint32_t first = (uint32_t)owners->shares_length;
	int result;

	if (owners->shares_length + 2 > owners->limit) {
		*handle = UNKNOWN;
		return 0;
	}
	result = make_room(owners, 2);
	if (result < 0)
		return result;
	new_share(owners, first, *handle - 1, before);
	new_share(owners, first, owner, 1);
	*handle = SEVERAL | first;
	return 0;
}

static int add_share(struct destination_owners *owners, uint32_t first, uint32_t owner)
{
	const uint32_t *slot = find_share(owners, first, owner);
	int result;

	if (*slot) {
		owners->shares[*slot - 1].ports++;
		return 0;
	}
	if (owners->shares_length == owners->limit)
		return 0;
	result = make_room(owners, 1);
	if (result == 0)
		new_share(owners, first, owner, 1);
	return result;
}

int destination_owners_add(struct destination_owners *owners, destination_owner_handle *handle,
    unsigned before, uint64_t cgroup_id)
{
	const int owner = number_of(owners, cgroup_id);

	if (owner < 0)
		return owner;
	if (*handle == 0)
		*handle = 1 + (uint32_t)owner;
	else if (*handle == UNKNOWN || *handle == 1 + (uint32_t)owner)
		return 0;
	else if (*handle & SEVERAL)
		return add_share(owners, *handle & ~SEVERAL, (uint32_t)owner);
	else
		return split(owners, handle, before, (uint32_t)owner);
	return 0;
}

static size_t count_shares(const struct destination_owners *owners, uint32_t first)
{
	size_t length = 1;

	for (uint32_t i = owners->shares[first].next; i; i = owners->shares[i].next)
		length++;
	return length;
}

int destination_owners_list(const struct destination_owners *owners,
    destination_owner_handle handle, unsigned active, struct owner **ret_list, size_t *ret_length)
{
	const bool has_several = handle != UNKNOWN && handle & SEVERAL;
	const uint32_t first = handle & ~SEVERAL;
	struct owner *list = calloc(has_several ? count_shares(owners, first) : 1, sizeof(*list));
	size_t length = 0;

	if (!list)
		return -ENOMEM;
	if (has_several) {
		uint32_t i = first;

		do {
			const struct share *share = &owners->shares[i];

			if (share->owner != NOBODY)
				list[length++] =
				    (struct owner){owners->cgroups[share->owner], share->ports};
			i = share->next;
		} while (i);
	} else if (handle != 0 && handle != UNKNOWN && handle - 1 != NOBODY) {
		list[length++] = (struct owner){owners->cgroups[handle - 1], active};
	}
	*ret_list = list;
	*ret_length = length;
	return 0;
}
