// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/outside_port.h"

#include <errno.h>
#include <netinet/in.h>

#define TRIES 64

static int bind_to(int fd, sa_family_t family, bool loopback, uint16_t port)
{
	const struct sockaddr_in v4 = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY)};
	const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
	    .sin6_port = htons(port),
	    .sin6_addr = loopback ? in6addr_loopback : in6addr_any};

	if (family == AF_INET6)
		return bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	return bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
}

static int bind_outside(int fd, sa_family_t family, bool loopback, struct port_range range,
    unsigned lowest, unsigned below)
{
	const int on = 1;
	unsigned tries = 0;

	/* So that a service that binds the same port at this moment is not refused. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Port 0 would mean a port of the range. */
	for (unsigned port = below; port-- > 1 && port >= lowest && tries < TRIES;) {
		if (port_range_has(range, (uint16_t)port))
			continue;
		tries++;
		if (bind_to(fd, family, loopback, (uint16_t)port) == 0)
			return (int)port;
	}
	return -EADDRINUSE;
}

int outside_port_bind(
    int fd, sa_family_t family, struct port_range range, unsigned lowest, unsigned below)
{
	return bind_outside(fd, family, false, range, lowest, below);
}

int outside_port_bind_loopback(
    int fd, sa_family_t family, struct port_range range, unsigned lowest, unsigned below)
{
	return bind_outside(fd, family, true, range, lowest, below);
}
