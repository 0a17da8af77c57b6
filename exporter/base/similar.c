// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/similar.h"

#include <stdio.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: the three rows of its table that are needed. */
unsigned similar_distance(const char *a, const char *b)
{
	const size_t rows = strnlen(a, SIMILAR_SIZE);
	const size_t columns = strnlen(b, SIMILAR_SIZE);
	unsigned table[3][SIMILAR_SIZE];

	if (rows >= SIMILAR_SIZE || columns >= SIMILAR_SIZE)
		return SIMILAR_FAR;
	for (size_t j = 0; j <= columns; j++)
		table[0][j] = (unsigned)j;
	for (size_t i = 1; i <= rows; i++) {
		unsigned *now = table[i % 3];
		const unsigned *before = table[(i - 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			now[j] = least(least(before[j], now[j - 1]) + 1,
			    before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], table[(i - 2) % 3][j - 2] + 1);
		}
	}
	return least(table[rows % 3][columns], SIMILAR_FAR);
}

void similar_begin(struct similar *similar, const char *asked)
{
	*similar = (struct similar){.asked = asked, .distance = SIMILAR_FAR};
}

void similar_try(struct similar *similar, const char *word)
{
	const unsigned distance = similar_distance(similar->asked, word);

	if (distance >= similar->distance || (size_t)distance * 3 > strlen(similar->asked))
		return;
	similar->distance = distance;
	snprintf(similar->found, sizeof(similar->found), "%s", word);
}
