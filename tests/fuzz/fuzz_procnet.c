// SPDX-License-Identifier: Apache-2.0
/* One line of /proc/net/{tcp,tcp6,udp,udp6}, read as each of them. */
#include <stdlib.h>

#include "collectors/kernel/procnet.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = fuzz_bytes(data, size);

	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
		for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
			struct socket socket;

			if (procnet_decode(line, size, protocol, family, &socket) < 0)
				continue;
			FUZZ_CHECK(socket.protocol == protocol);
			fuzz_check_socket(&socket);
		}
	}
	free(line);
	return 0;
}
