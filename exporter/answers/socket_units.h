/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SOCKET_UNITS_H
#define EPHEMERA_SOCKET_UNITS_H

/*
 * The ports that systemd listens on for services, running or not: ListenStream= and ListenDatagram=
 * of socket units that are enabled. See systemd.socket(5).
 */

#include <stddef.h>

#include "collectors/kernel/portset.h"

/* Adds the ports that the text of a unit names. Sockets without a port number are left out. */
void socket_units_parse(const char *text, size_t length, struct portset *ports);

/*
 * Adds the ports of all units DIRECTORY/NAME.wants/UNIT.socket. directory: such as
 * "/etc/systemd/system". A unit that cannot be read is left out, as are drop-ins, and what comes
 * after 1,000 units or 64 KiB of one. Returns 0; or -errno if the directory cannot be read.
 */
int socket_units_read(const char *directory, struct portset *ports);

#endif
