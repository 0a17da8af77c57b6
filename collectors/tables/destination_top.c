// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_top.h"

#include <errno.h>
#include <stdlib.h>

int destination_top_init(struct destination_top *top, size_t limit)
{
	top->limit = limit;
	top->length = 0;
	top->list = calloc(limit ? limit : 1, sizeof(*top->list));
	return top->list ? 0 : -ENOMEM;
}

void destination_top_release(struct destination_top *top)
{
	free(top->list);
	top->list = NULL;
}

void destination_top_clear(struct destination_top *top)
{
	top->length = 0;
}

/* Moves the entry at i down until no entry below it is less full. */
static void sift_down(struct destination *heap, size_t length, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < length; child++)
			if (destination_compare(&heap[child], &heap[least]) > 0)
				least = child;
		if (least == i)
			return;

		const struct destination moved = heap[i];

		heap[i] = heap[least];
		heap[least] = moved;
		i = least;
	}
}

void destination_top_offer(struct destination_top *top, const struct destination *destination)
{
	if (top->length < top->limit) {
		top->list[top->length++] = *destination;
		if (top->length == top->limit)
			for (size_t i = top->length / 2; i-- > 0;)
				sift_down(top->list, top->length, i);
		return;
	}
	if (top->limit && destination_compare(destination, &top->list[0]) < 0) {
		top->list[0] = *destination;
		sift_down(top->list, top->length, 0);
	}
}

static int compare(const void *a, const void *b)
{
	return destination_compare(a, b);
}

void destination_top_sort(struct destination_top *top)
{
	qsort(top->list, top->length, sizeof(*top->list), compare);
}
