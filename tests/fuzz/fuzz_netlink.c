// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel sends: the first byte picks the listing, and by its highest bit whether
 * sequence and port number must be those of a request; the rest is what one recv() gave.
 */
#include <stdlib.h>

#include "collectors/kernel/netlink.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	char *bytes = fuzz_bytes(data + 1, size - 1);
	struct fuzz_sink context = {(data[0] & 0x7f) % LISTINGS, bytes, size - 1};
	const struct netlink_sink sink = {fuzz_message, NULL, &context};
	const uint32_t number = data[0] >> 7;

	FUZZ_CHECK(netlink_parse(bytes, size - 1, number, number, &sink) <= 1);
	free(bytes);
	return 0;
}
