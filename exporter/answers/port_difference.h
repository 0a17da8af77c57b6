/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_DIFFERENCE_H
#define EPHEMERA_PORT_DIFFERENCE_H

/* In what the sockets of a group differ. */

#include "exporter/answers/port_group.h"
#include "exporter/base/text.h"

/*
 * Adds "They have 3 remote addresses (10.0.0.9: 1200 of them) and 1999 remote ports (40000 to
 * 41999).", of what is not the same in all.
 */
void port_difference_add(struct text *text, const struct port_group *group);

#endif
