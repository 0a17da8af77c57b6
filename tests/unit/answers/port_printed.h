/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PORT_PRINTED_H
#define EPHEMERA_UNIT_PORT_PRINTED_H

/* A socket, and what is printed of it. */

#include "collect.h"
#include "exporter/answers/port_text.h"
#include "stdout_capture.h"
#include "unit.h"

static inline struct port_socket listener(void)
{
	struct port_socket found = {.role = PORT_ROLE_LISTENER, .chosen = CHOSEN_YES};

	found.socket = make_socket(SOCKET_LISTEN, "127.0.0.1", 50001, "0.0.0.0", 0);
	found.socket.inode = 4711;
	found.socket.uid = 1000;
	return found;
}

/* The caller frees it. */
static inline char *print_details(const struct port_lookup *lookup, const struct port_socket *found)
{
	stdout_capture();
	port_text_print_details(lookup, found, 7);
	return stdout_captured();
}

#endif
