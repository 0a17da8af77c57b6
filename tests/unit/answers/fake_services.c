// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "fake_names.h"

int __wrap_getservbyport_r(int port, const char *protocol, struct servent *entry, char *buffer,
    size_t size, struct servent **ret_entry);

int __wrap_getservbyport_r(int port, const char *protocol, struct servent *entry, char *buffer,
    size_t size, struct servent **ret_entry)
{
	static const struct {
		int port;
		const char *protocol;
		const char *name;
	} services[] = {{80, "tcp", "http"}, {80, "udp", "http"}, {443, "tcp", "https"},
	    {520, "udp", "route"}, {512, "tcp", "exec"}, {512, "udp", "biff"},
	    {513, "tcp", FAKE_LONG_NAME}};

	*ret_entry = NULL;
	if (ntohs((uint16_t)port) == 514)
		return ERANGE;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (ntohs((uint16_t)port) != services[i].port ||
		    strcmp(protocol, services[i].protocol) != 0)
			continue;
		snprintf(buffer, size, "%s", services[i].name);
		*entry = (struct servent){.s_name = buffer, .s_port = port};
		*ret_entry = entry;
	}
	return 0;
}
