// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/owned_rows.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/views/owner_match.h"

/* The owner's ports towards one destination; its count is 0 if it has none. */
static struct owner_name sum_of(const struct owned *all, const char *owner, struct pods *pods)
{
	struct owner_name sum = {0};

	/* The most come first. */
	for (size_t i = 0; i < all->length; i++) {
		if (!owner_matches(owner, all->names[i].path, pods))
			continue;
		if (!sum.path)
			sum.path = all->names[i].path;
		sum.count += all->names[i].count;
	}
	return sum;
}

static int compare(const void *first, const void *second)
{
	const struct destination_row *a = first;
	const struct destination_row *b = second;
	const uint64_t ports_a = a->owned.names[0].count;
	const uint64_t ports_b = b->owned.names[0].count;

	if (ports_a != ports_b)
		return ports_a > ports_b ? -1 : 1;
	return destination_compare(&a->destination, &b->destination);
}

int owned_rows_make(const struct destination_rows *rows, const char *owner, struct pods *pods,
    struct owned_rows *ret_owned)
{
	struct destination_rows *found =
	    calloc(1, sizeof(*found) + rows->length * sizeof(found->list[0]));
	struct owner_name *names = calloc(rows->length ? rows->length : 1, sizeof(*names));

	if (!found || !names) {
		free(found);
		free(names);
		return -ENOMEM;
	}
	*found = *rows;
	found->length = found->destinations = found->ports = 0;
	for (size_t i = 0; i < rows->length; i++) {
		const struct owner_name sum = sum_of(&rows->list[i].owned, owner, pods);
		struct destination_row *row = &found->list[found->length];

		if (sum.count == 0)
			continue;
		names[found->length] = sum;
		row->destination = rows->list[i].destination;
		row->owned.names = &names[found->length++];
		row->owned.length = 1;
		found->ports += sum.count;
	}
	found->destinations = found->length;
	qsort(found->list, found->length, sizeof(found->list[0]), compare);
	*ret_owned = (struct owned_rows){found, names};
	return 0;
}

void owned_rows_release(struct owned_rows *owned)
{
	free(owned->rows);
	free(owned->names);
}
