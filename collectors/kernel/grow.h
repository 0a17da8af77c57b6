/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_GROW_H
#define EPHEMERA_GROW_H

#include <stddef.h>
#include <stdlib.h>

/*
 * Room for one more in a list that has length elements of that size: a list so grown doubles
 * whenever it is full. Returns the list, moved or not, or NULL where memory is out, and then
 * the old one is as it was.
 */
static inline void *grow_for_one(void *list, size_t length, size_t size)
{
	if (length & (length - 1))
		return list;
	return reallocarray(list, length ? length * 2 : 1, size);
}

#endif
