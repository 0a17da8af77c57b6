/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CLEANUP_H
#define EPHEMERA_CLEANUP_H

/*
 * Clean-up by attribute: a variable declared with one of these releases its value when it goes out
 * of scope, on every path.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_)))
#define cleanup_close __attribute__((cleanup(cleanup_close_)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclose_)))

#endif
