/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONFINE_H
#define EPHEMERA_CONFINE_H

/* --security.sandbox and --security.user: least privilege for the daemon. */

#include <stdbool.h>

#include "exporter/daemon/serve.h"

/*
 * Gives up the privileges that are no longer needed, and has the kernel refuse the system calls
 * that the daemon does not use. Does nothing if options->sandbox_off. Call it after the listeners
 * were opened and before the first thread. removes_sockets: there is a unix socket to remove at the
 * end. datagram_socket: the socket that tells the service manager, or -1; from then on it sends
 * only to where it is connected.
 *
 * Logs what it did, what the kernel refused, and what went wrong. Returns 0; or -errno if the
 * daemon must not go on.
 */
int confine(const struct serve_options *options, bool removes_sockets, int datagram_socket);

#endif
