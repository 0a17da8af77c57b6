/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OUTSIDE_PORT_H
#define EPHEMERA_OUTSIDE_PORT_H

/*
 * A port outside ip_local_port_range, which no connect() uses: it is free when the range is full,
 * and takes no port from the range.
 */

#include <stdint.h>
#include <sys/socket.h>

#include "collectors/kernel/portset.h"

#define OUTSIDE_PORT_UNPRIVILEGED 1024

/*
 * Binds fd, of family AF_INET or AF_INET6, to a free port outside the range, at any address. It
 * tries the highest few ports from lowest up to, but not including, below. Returns the port, or
 * -errno. To get another port, pass the result as below.
 */
int outside_port_bind(
    int fd, sa_family_t family, struct port_range range, unsigned lowest, unsigned below);

/* The same at the loopback address, where no other host reaches it. */
int outside_port_bind_loopback(
    int fd, sa_family_t family, struct port_range range, unsigned lowest, unsigned below);

#endif
