// SPDX-License-Identifier: Apache-2.0
/* systemd's socket units. */
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/socket_units.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_bytes(data, size);
	struct portset ports = {0};

	socket_units_parse(text, size, &ports);
	FUZZ_CHECK(!portset_has(&ports, 0));
	/* Each port needs a line, and each line the key. */
	if (!memmem(text, size, "Listen", 6))
		FUZZ_CHECK(portset_count(&ports) == 0);
	FUZZ_CHECK(portset_count(&ports) * strlen("ListenStream=1") <= size);
	free(text);
	return 0;
}
