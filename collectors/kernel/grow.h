/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_GROW_H
#define EPHEMERA_GROW_H

#include <stddef.h>
#include <stdlib.h>

/*
 * Makes room for one more element of that size in a list with length elements; doubles the list
 * when it is full. Returns the list, moved or not; or NULL if memory ran out, and the old list is
 * unchanged.
 */
static inline void *grow_for_one(void *list, size_t length, size_t size)
{
	if (length & (length - 1))
		return list;
	return reallocarray(list, length ? length * 2 : 1, size);
}

#endif
