/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OUTSIDE_PORT_H
#define EPHEMERA_OUTSIDE_PORT_H

/*
 * A port that no connect() could want, so that it is there when all of these are taken and takes
 * none of them away: outside of ip_local_port_range.
 */

#include <stdint.h>
#include <sys/socket.h>

#include "collectors/kernel/portset.h"

#define OUTSIDE_PORT_UNPRIVILEGED 1024

/*
 * Binds fd, of family AF_INET or AF_INET6, to a free port outside of the range, at any address:
 * of the ports from lowest up to below, without it, the highest of the first few. Returns the port,
 * which may be handed in as below to get another one, or -errno.
 */
int outside_port_bind(
    int fd, sa_family_t family, struct port_range range, unsigned lowest, unsigned below);

#endif
