/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_INHERITED_H
#define EPHEMERA_INHERITED_H

/* The descriptors that a parent left open: files and sockets that are not for the exporter. */

#include <stddef.h>

#define INHERITED_FIRST_FD 3 /* after standard error; systemd's sockets begin here, too */

/*
 * Closes all descriptors but standard input, output and error, and `sockets` of them from
 * INHERITED_FIRST_FD on. If one of the three is closed, opens /dev/null in its place: the log must
 * not go to a descriptor that is opened later. Call it before anything is opened. Returns 0; or
 * -errno, and some descriptors may then still be open.
 */
int inherited_close(size_t sockets);

#endif
