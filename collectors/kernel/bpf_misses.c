// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bpf_misses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/procfs.h"

/* Linux 6.18 writes 180 bytes. */
#define FDINFO_LIMIT 4096

int bpf_misses_read(const char *procfs, int program, uint64_t *ret_misses)
{
	static const char field[] = "\nrecursion_misses:\t";
	char text[FDINFO_LIMIT + 2];
	char name[32];
	size_t length;
	const char *digits;
	char *end;

	snprintf(name, sizeof(name), "self/fdinfo/%d", program);

	const int result = procfs_read_into(procfs, name, FDINFO_LIMIT, text, &length);

	if (result < 0)
		return result;
	digits = strstr(text, field);
	if (!digits)
		return -ENODATA;
	digits += sizeof(field) - 1;
	*ret_misses = strtoull(digits, &end, 10);
	return end > digits && *end == '\n' ? 0 : -ENODATA;
}
