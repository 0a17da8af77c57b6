/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONFINE_H
#define EPHEMERA_CONFINE_H

/* --security.sandbox and --security.user: least privilege for the daemon that listens. */

#include <stdbool.h>

#include "exporter/daemon/serve.h"

/*
 * Gives up the privileges that nothing needs any more, and lets the kernel refuse the
 * system calls that are not used; nothing where options->sandbox_off. After the listeners
 * were opened, before the first thread. removes_sockets: there is a unix socket to be
 * removed at the end.
 *
 * Logs what was done, what the kernel does not let us do, and what went wrong. Returns 0, or
 * -errno where the daemon must not go on.
 */
int confine(const struct serve_options *options, bool removes_sockets);

#endif
