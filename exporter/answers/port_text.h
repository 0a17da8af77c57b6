/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_TEXT_H
#define EPHEMERA_PORT_TEXT_H

/* The answer about a port, printed for people. */

#include "collectors/views/port_lookup.h"
#include "exporter/answers/port_group.h"
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

/*
 * Prints what is known about the port. Sockets that are alike have one paragraph; at most limit
 * paragraphs of each side are printed.
 */
void port_text_print(
    const struct port_lookup *lookup, const struct port_answer *answer, size_t limit);

/* Prints what the socket is and which processes have it, each line after indent blanks. */
void port_text_print_details(
    const struct port_lookup *lookup, const struct port_socket *found, int indent);
/* The same for sockets that are alike. */
void port_text_print_group(
    const struct port_lookup *lookup, const struct port_group *group, int indent);

#endif
