/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PORT_HOST_H
#define EPHEMERA_UNIT_PORT_HOST_H

/* A host whose range, 50000 to 50009, is all dynamic, and 50004 of it reserved. */

#include "collectors/views/port_lookup.h"

extern struct port_lookup lookup;

/* A test's setup. */
int set_up(void **state);

#endif
