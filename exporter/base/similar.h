/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SIMILAR_H
#define EPHEMERA_SIMILAR_H

/* Finds the word that was meant, for "did you mean". */

#include <stdbool.h>

#define SIMILAR_SIZE 64

/* Edits from which on two words are not alike. */
#define SIMILAR_FAR 3

/*
 * How many letters must be added, removed or changed, or swapped with the next one, to make one
 * word of the other: at most SIMILAR_FAR, which words of SIMILAR_SIZE bytes or more always have.
 */
unsigned similar_distance(const char *a, const char *b);

struct similar {
	const char *asked;
	char found[SIMILAR_SIZE]; /* empty: nothing is alike */
	unsigned distance;
};

/* Begins a search; asked must outlive it. */
void similar_begin(struct similar *similar, const char *asked);

/* Keeps word if it is more alike than those before. In a short word fewer edits are allowed. */
void similar_try(struct similar *similar, const char *word);

#endif
