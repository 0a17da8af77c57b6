/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_TEXT_H
#define EPHEMERA_PORT_TEXT_H

/* The answer about a port, printed for people. */

#include "collectors/views/port_lookup.h"

/*
 * Prints "tcp  established  127.0.0.1:60416 -> 127.0.0.1:443" and a newline behind what is
 * there of the line already, column columns. was: the state that it had before, or NULL. What
 * does not fit into the width goes into lines of its own.
 */
void port_text_print_socket(const struct socket *socket, int column, const char *was);

/* Prints what is known of the port, and of each side as many sockets as limit. */
void port_text_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit);

/* Prints what the socket is and who has it, each line after indent blanks. */
void port_text_print_details(
    const struct port_lookup *lookup, const struct port_socket *found, int indent);

#endif
