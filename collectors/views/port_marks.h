/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_MARKS_H
#define EPHEMERA_PORT_MARKS_H

/*
 * The local ports of those whom a gathering was asked for (marks_asked.h). Towards a destination:
 * of each TCP connection to it, in TIME_WAIT, too. Of an owner: of each of its sockets; TIME_WAIT
 * has none.
 */

#include "collectors/collector.h"

/* A view (views.h). */
extern const struct collector port_marks_view;

/*
 * The ports of the one at that place of the list, valid until the next walk. place: below the
 * list's length at the walk.
 */
const struct portset *port_marks_found(const void *state, size_t place);

#endif
