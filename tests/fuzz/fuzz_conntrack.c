// SPDX-License-Identifier: Apache-2.0
/* One line of /proc/net/nf_conntrack, and the file of the table's counters. */
#include <stdlib.h>

#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/conntrack_stats.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conntrack_counter counters[] = {{.name = "drop"}, {.name = "insert_failed"}};
	char *line = fuzz_bytes(data, size);
	char *text = fuzz_string(data, size);
	struct conntrack_entry entry;

	if (conntrack_parse(line, size, &entry) > 0) {
		FUZZ_CHECK(entry.protocol == SOCKET_TCP || entry.protocol == SOCKET_UDP);
		FUZZ_CHECK(entry.family == SOCKET_IPV4 || entry.family == SOCKET_IPV6);
		(void)conntrack_is_translated(&entry);
	}
	(void)conntrack_stats_parse(text, counters, 2);
	free(line);
	free(text);
	return 0;
}
