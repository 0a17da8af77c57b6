// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/opener_top.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "collectors/kernel/exhaustion_probe.h"

#define HALF_LIFE_SECONDS 300.0
_Static_assert(OPENERS == OPENERS_BESIDE * OPENERS_BUCKETS, "all places of all buckets");

/* The kernel writes a key in nanoseconds. */
#define TRIES 8

struct seen {
	uint64_t version; /* 0: nothing was there */
	struct opener_grown grown;
	struct lease_counts counts;
	double score;
};

struct opener_top {
	const struct openers *openers;
	size_t limit;
	double looked; /* at that time */
	struct seen *seen;
	size_t *ranked;
	struct opener_grown *grown;
};

struct opener_top *opener_top_new(const struct openers *openers, size_t limit)
{
	struct opener_top *top = calloc(1, sizeof(*top));

	if (!top)
		return NULL;
	top->openers = openers;
	top->limit = limit < OPENERS ? limit : OPENERS;
	top->seen = calloc(OPENERS, sizeof(*top->seen));
	top->ranked = calloc(OPENERS, sizeof(*top->ranked));
	top->grown = calloc(top->limit + 1, sizeof(*top->grown));
	if (top->seen && top->ranked && top->grown)
		return top;
	opener_top_free(top);
	return NULL;
}

void opener_top_free(struct opener_top *top)
{
	if (!top)
		return;
	free(top->seen);
	free(top->ranked);
	free(top->grown);
	free(top);
}

/* Returns whether something is there; the kernel may be giving the place to another key. */
static bool read_place(const struct opener *place, struct opener *ret_read)
{
	for (int i = 0; i < TRIES; i++) {
		const uint64_t version = __atomic_load_n(&place->version, __ATOMIC_ACQUIRE);

		if (version == 0)
			return false;
		if (version & 1)
			continue;
		/* Each comes before the version is read again. */
		for (int word = 0; word < 4; word++)
			ret_read->key.words[word] =
			    __atomic_load_n(&place->key.words[word], __ATOMIC_ACQUIRE);
		lease_counts_read(&place->counts, &ret_read->counts);
		ret_read->version = __atomic_load_n(&place->version, __ATOMIC_RELAXED);
		if (ret_read->version == version)
			return true;
	}
	return false;
}

/* Returns whether the place has a key. decay: what is left of a score since the look before. */
static bool look_at(struct seen *seen, const struct opener *place, double decay)
{
	struct opener read;

	if (!read_place(place, &read)) {
		*seen = (struct seen){.version = 0};
		return false;
	}
	if (read.version != seen->version)
		*seen = (struct seen){.version = read.version};
	seen->grown.key = read.key;
	seen->grown.counts = (struct lease_counts){
	    .opens = read.counts.opens - seen->counts.opens,
	    .leases = read.counts.leases - seen->counts.leases,
	    .held_ns = read.counts.held_ns - seen->counts.held_ns,
	};
	seen->counts = read.counts;
	seen->score = seen->score * decay + (double)seen->grown.counts.opens;
	return true;
}

/* If scores are equal, the earlier place first, so that the order does not change. */
static int compare(const void *first, const void *second, void *context)
{
	const struct opener_top *top = context;
	const size_t a = *(const size_t *)first;
	const size_t b = *(const size_t *)second;

	if (top->seen[a].score > top->seen[b].score)
		return -1;
	if (top->seen[a].score < top->seen[b].score)
		return 1;
	return a < b ? -1 : a > b;
}

size_t opener_top_look(
    struct opener_top *top, double seconds, const struct opener_grown **ret_grown)
{
	const double decay = exp2((top->looked - seconds) / HALF_LIFE_SECONDS);
	size_t taken = 0;
	size_t length;

	for (size_t i = 0; i < OPENERS; i++) {
		const struct openers *bucket = &top->openers[i / OPENERS_BESIDE];

		if (look_at(&top->seen[i], &bucket->list[i % OPENERS_BESIDE], decay))
			top->ranked[taken++] = i;
	}
	top->looked = seconds;
	qsort_r(top->ranked, taken, sizeof(*top->ranked), compare, top);
	length = taken < top->limit ? taken : top->limit;
	for (size_t i = 0; i < length; i++)
		top->grown[i] = top->seen[top->ranked[i]].grown;
	*ret_grown = top->grown;
	return length;
}
