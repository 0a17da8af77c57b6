/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_GUARD_PAGE_H
#define EPHEMERA_GUARD_PAGE_H

/* Input placed directly before a page that may not be touched: a parser that reads one byte
 * too many dies at that byte, with sanitizers or without. */

#include <stddef.h>

struct guarded {
	char *bytes;
	void *mapping;
	size_t size;
};

/*
 * Copies length bytes so that the one behind the last cannot be read. alignment (1, or a
 * power of two) is that of the first byte; what it leaves between the last byte and the
 * page is filled with 0xa5. Ends the test where there is no memory.
 */
struct guarded guard(const void *bytes, size_t length, size_t alignment);
/* Bytes that are written in hexadecimal, aligned like a netlink message. */
struct guarded guard_hex(const char *hex);
/* A string's bytes, without its NUL. */
struct guarded guard_string(const char *string);
void guard_free(struct guarded *guarded);

#endif
