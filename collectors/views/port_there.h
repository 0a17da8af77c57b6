/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_THERE_H
#define EPHEMERA_PORT_THERE_H

/*
 * What is on the ports that are asked for of another network namespace, found in the walk over all:
 * what a lookup finds (port_lookup.h), without processes, interfaces and ages. Only a walk that
 * hands on every socket is of use to it.
 */

#include "collectors/collector.h"
#include "collectors/views/port_lookup.h"

/* A view (views.h). */
extern const struct collector port_there_view;

/* What it found last; valid until the next walk. NULL: nothing was asked for. */
const struct port_lookup *port_there_found(const void *state);

#endif
