// SPDX-License-Identifier: Apache-2.0
/* ip_local_port_range and ip_local_reserved_ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/portset.h"
#include "fuzz.h"

/* Each of "0-65535,0-65535,..." takes its time: what is longer finds no more, slower. */
#define SIZE_LIMIT 512

/* Writes the set in the kernel's form; every second port makes the longest text. */
static size_t print_set(const struct portset *set, char text[static PORTS * 6])
{
	unsigned position = 0;
	unsigned next_free = 0;
	unsigned ports = 0;
	size_t length = 0;
	struct port_range range;

	while (portset_next_range(set, &position, &range)) {
		FUZZ_CHECK(range.first <= range.last && range.first >= next_free);
		next_free = range.last + 2u; /* runs do not touch */
		ports += port_range_size(range);
		length += (size_t)snprintf(text + length, PORTS * 6 - length,
		    length ? ",%u-%u" : "%u-%u", range.first, range.last);
	}
	FUZZ_CHECK(ports == portset_count(set));
	return length;
}

static void check_set(const struct portset *set)
{
	static char text[PORTS * 6];
	struct portset again;
	const size_t length = print_set(set, text);

	FUZZ_CHECK(portset_parse(text, length, &again) == 0);
	FUZZ_CHECK(memcmp(set, &again, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > SIZE_LIMIT)
		return 0;

	char *text = fuzz_bytes(data, size);
	struct port_range range;
	struct portset set;

	if (port_range_parse(text, size, &range) == 0)
		FUZZ_CHECK(range.first >= 1 && range.first <= range.last);
	if (portset_parse(text, size, &set) == 0)
		check_set(&set);
	free(text);
	return 0;
}
