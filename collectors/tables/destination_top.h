/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DESTINATION_TOP_H
#define EPHEMERA_DESTINATION_TOP_H

/* The fullest of any number of destinations, by destination_compare(). */

#include "collectors/tables/destination.h"

struct destination_top {
	size_t limit;
	size_t length;
	struct destination *list; /* before the sort a heap, with the least full on top */
};

/* Returns 0 or -ENOMEM. */
int destination_top_init(struct destination_top *top, size_t limit);
void destination_top_release(struct destination_top *top);
void destination_top_clear(struct destination_top *top);

/* Keeps a copy if it is among the fullest so far. */
void destination_top_offer(struct destination_top *top, const struct destination *destination);

/* Sorts the list, the fullest first. Then clear it before the next offer. */
void destination_top_sort(struct destination_top *top);

#endif
