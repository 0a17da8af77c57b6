// SPDX-License-Identifier: Apache-2.0
/* A recorded file, from which every listing is replayed. */
#include <stdio.h>
#include <stdlib.h>

#include "collectors/kernel/dumpfile.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	char *bytes = fuzz_bytes(data, size);
	FILE *file = fmemopen(bytes, size, "r");

	FUZZ_CHECK(file);
	for (enum listing listing = 0; listing < LISTINGS; listing++) {
		struct fuzz_sink context = {.listing = listing};
		const struct netlink_sink sink = {fuzz_message, NULL, &context};

		FUZZ_CHECK(dumpfile_replay(file, listing, &sink) <= 0);
	}
	fclose(file);
	free(bytes);
	return 0;
}
