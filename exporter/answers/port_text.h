/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_TEXT_H
#define EPHEMERA_PORT_TEXT_H

/* The answer about a port, printed for people. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/*
 * Prints "tcp  established  127.0.0.1:60416 -> 127.0.0.1:443" and a newline. column: the columns
 * already printed on the line. was: the state that the socket had before, or NULL. Wraps what does
 * not fit.
 */
void port_text_print_socket(const struct socket *socket, int column, const char *was);

/* Adds "tcp established 127.0.0.1:60416 -> 127.0.0.1:443". It is printable. */
void port_text_add_socket(struct text *text, const struct socket *socket);

/* The same as columns with tabs between them; "-" for the remote end of one without a peer. */
void port_text_add_columns(struct text *text, const struct socket *socket);

/* Prints what is known about the port, with at most limit sockets of each side. */
void port_text_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit);

/* Prints what the socket is and which processes have it, each line after indent blanks. */
void port_text_print_details(
    const struct port_lookup *lookup, const struct port_socket *found, int indent);

#endif
