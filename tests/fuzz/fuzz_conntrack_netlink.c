// SPDX-License-Identifier: Apache-2.0
/* A dump of the entries or counters of connection tracking, as one recv() gave it. */
#include <stdlib.h>

#include "collectors/kernel/conntrack_netlink.h"
#include "collectors/kernel/netlink.h"
#include "fuzz.h"

static int decode(void *context, const struct nlmsghdr *message)
{
	struct conntrack_counter *counter = context;
	struct conntrack_entry entry;

	if (conntrack_decode(message, &entry) > 0) {
		FUZZ_CHECK(entry.protocol == SOCKET_TCP || entry.protocol == SOCKET_UDP);
		FUZZ_CHECK(entry.family == SOCKET_IPV4 || entry.family == SOCKET_IPV6);
		FUZZ_CHECK(entry.protocol == SOCKET_TCP || !entry.is_closing);
		(void)conntrack_is_translated(&entry);
	}
	(void)conntrack_decode_stats(message, counter, 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_bytes(data, size);
	struct conntrack_counter counter = {.name = "drop"};
	const struct netlink_sink sink = {decode, NULL, &counter};

	FUZZ_CHECK(netlink_parse(bytes, size, 0, 0, &sink) <= 1);
	FUZZ_CHECK(counter.found || counter.value == 0);
	free(bytes);
	return 0;
}
