// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/tally_top.h"

#include <stdlib.h>

struct seen {
	uint64_t count;	 /* at this look */
	uint64_t grown;	 /* since the look before */
	uint64_t others; /* the part of count that is among the others' */
};

struct tally_top {
	const struct tally_place *places;
	struct seen *seen; /* [i]: of places[i] */
	size_t length;
	size_t limit;
	uint64_t others;
	size_t *ranked; /* positions of places that are taken, by their counts */
	struct tally_shown *shown;
};

struct tally_top *tally_top_new(const struct tally_place *places, size_t length, size_t limit)
{
	struct tally_top *top = calloc(1, sizeof(*top));

	if (!top)
		return NULL;
	top->places = places;
	top->length = length;
	top->limit = limit < length ? limit : length;
	top->seen = calloc(length, sizeof(*top->seen));
	top->ranked = calloc(length, sizeof(*top->ranked));
	top->shown = calloc(top->limit + 1, sizeof(*top->shown));
	if (!top->seen || !top->ranked || !top->shown) {
		tally_top_free(top);
		return NULL;
	}
	return top;
}

void tally_top_free(struct tally_top *top)
{
	if (!top)
		return;
	free(top->seen);
	free(top->ranked);
	free(top->shown);
	free(top);
}

/* If counts are equal, the earlier place first, so that the order does not change. */
static int compare(const void *first, const void *second, void *context)
{
	const struct tally_top *top = context;
	const size_t a = *(const size_t *)first;
	const size_t b = *(const size_t *)second;

	if (top->seen[a].count != top->seen[b].count)
		return top->seen[a].count > top->seen[b].count ? -1 : 1;
	return a < b ? -1 : a > b;
}

static size_t read_counts(struct tally_top *top)
{
	size_t taken = 0;

	for (size_t i = 0; i < top->length; i++) {
		const struct tally_place *place = &top->places[i];

		/* Its key was written before it was marked as taken, and never changes. */
		if (__atomic_load_n(&place->state, __ATOMIC_ACQUIRE) != TALLY_TAKEN)
			continue;

		const uint64_t count = __atomic_load_n(&place->count, __ATOMIC_RELAXED);

		top->seen[i].grown = count - top->seen[i].count;
		top->seen[i].count = count;
		top->ranked[taken++] = i;
	}
	return taken;
}

size_t tally_top_look(
    struct tally_top *top, const struct tally_shown **ret_shown, uint64_t *ret_others)
{
	const size_t taken = read_counts(top);
	const size_t shown = taken < top->limit ? taken : top->limit;

	qsort_r(top->ranked, taken, sizeof(*top->ranked), compare, top);
	for (size_t i = 0; i < shown; i++) {
		const size_t at = top->ranked[i];

		top->shown[i] = (struct tally_shown){
		    top->places[at].key, top->seen[at].count - top->seen[at].others};
	}
	for (size_t i = shown; i < taken; i++) {
		struct seen *seen = &top->seen[top->ranked[i]];

		seen->others += seen->grown;
		top->others += seen->grown;
	}
	*ret_shown = top->shown;
	*ret_others = top->others;
	return shown;
}
