// SPDX-License-Identifier: Apache-2.0
#include "guard_page.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILLER 0xa5

struct guarded guard(const void *bytes, size_t length, size_t alignment)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t room = (length + alignment + page - 1) / page * page;
	struct guarded guarded = {.size = room + page};

	guarded.mapping =
	    mmap(NULL, guarded.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guarded.mapping == MAP_FAILED ||
	    mprotect((char *)guarded.mapping + room, page, PROT_NONE) < 0) {
		perror("guard page");
		abort();
	}
	memset(guarded.mapping, FILLER, room);
	/* The mapping starts at a page, so an offset is aligned as its address is. */
	guarded.bytes = (char *)guarded.mapping + ((room - length) & ~(alignment - 1));
	if (length)
		memcpy(guarded.bytes, bytes, length);
	return guarded;
}

struct guarded guard_string(const char *string)
{
	return guard(string, strlen(string), 1);
}

static char from_hex(char digit)
{
	return (char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

struct guarded guard_hex(const char *hex)
{
	const size_t length = strlen(hex) / 2;
	struct guarded guarded = guard(hex, length, 4);

	for (size_t i = 0; i < length; i++)
		guarded.bytes[i] = (char)(from_hex(hex[2 * i]) << 4 | from_hex(hex[2 * i + 1]));
	return guarded;
}

void guard_free(struct guarded *guarded)
{
	munmap(guarded->mapping, guarded->size);
}
