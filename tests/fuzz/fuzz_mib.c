// SPDX-License-Identifier: Apache-2.0
/* /proc/net/snmp and /proc/net/netstat. */
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/mib.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mib_counter counters[] = {
	    {.group = "Tcp", .name = "ActiveOpens"},
	    {.group = "Tcp", .name = "MaxConn"}, /* negative: the kernel prints -1 */
	    {.group = "Tcp", .name = "OutRsts"},
	    {.group = "TcpExt", .name = "TW"},
	    {.group = "TcpExt", .name = "ListenDrops"},
	    {.group = "Udp", .name = "SndbufErrors"},
	};
	const size_t count = sizeof(counters) / sizeof(counters[0]);
	char *text = fuzz_bytes(data, size);

	if (mib_parse(text, size, counters, count) == 0) {
		for (size_t i = 0; i < count; i++)
			FUZZ_CHECK(!counters[i].found ||
				   memmem(text, size, counters[i].name, strlen(counters[i].name)));
	}
	free(text);
	return 0;
}
