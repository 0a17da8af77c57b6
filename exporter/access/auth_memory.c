// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth_memory.h"

#include <stdlib.h>

struct entry {
	struct digest digest;
	unsigned long used;
};

struct auth_memory {
	unsigned long now; /* one more with each use */
	size_t size;
	size_t length;
	struct entry entries[];
};

struct auth_memory *auth_memory_new(size_t size)
{
	struct auth_memory *memory = calloc(1, sizeof(*memory) + size * sizeof(struct entry));

	if (memory)
		memory->size = size;
	return memory;
}

void auth_memory_free(struct auth_memory *memory)
{
	free(memory);
}

static struct entry *find(struct auth_memory *memory, const struct digest *digest)
{
	struct entry *found = NULL;

	/* Looks at all of them: the time does not show which one it is. */
	for (size_t i = 0; i < memory->length; i++)
		if (digest_equal(
			memory->entries[i].digest.bytes, digest->bytes, sizeof(digest->bytes)))
			found = &memory->entries[i];
	return found;
}

bool auth_memory_has(struct auth_memory *memory, const struct digest *digest)
{
	struct entry *entry = find(memory, digest);

	if (entry)
		entry->used = ++memory->now;
	return entry;
}

static struct entry *find_place(struct auth_memory *memory)
{
	struct entry *oldest = memory->entries;

	if (memory->length < memory->size)
		return &memory->entries[memory->length++];
	for (size_t i = 1; i < memory->length; i++)
		if (memory->entries[i].used < oldest->used)
			oldest = &memory->entries[i];
	return oldest;
}

void auth_memory_add(struct auth_memory *memory, const struct digest *digest)
{
	if (!auth_memory_has(memory, digest))
		*find_place(memory) = (struct entry){*digest, ++memory->now};
}
