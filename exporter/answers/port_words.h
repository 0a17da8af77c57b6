/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_WORDS_H
#define EPHEMERA_PORT_WORDS_H

/* Sentences about a port and the sockets on it: for the terminal, JSON and the page. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/text.h"

/* "system", "registered" or "dynamic": IANA's three ranges (RFC 6335). */
const char *port_kind(uint16_t port);

#define PORT_SERVICE_SIZE 64

/* The name in /etc/services of protocol's service on that port, or an empty string. */
void port_service(
    uint16_t port, enum socket_protocol protocol, char name[static PORT_SERVICE_SIZE]);

/* Adds what the port is; if nothing is on it, also what may take it. */
void port_words_add_port(
    struct text *text, const struct port_lookup *lookup, const struct port_answer *answer);

/* Adds what the socket does on its local port. */
void port_words_add_socket(
    struct text *text, const struct port_lookup *lookup, const struct port_socket *found);

/*
 * The same for length sockets (1 or more) that are alike, see port_group_next().
 */
void port_words_add_alike(struct text *text, const struct port_lookup *lookup,
    const struct port_socket *const *list, size_t length);

/* Whether both ends of a TCP connection are the same address and port. */
bool port_connects_to_itself(const struct port_socket *found);

/* Whether it is an inbound connection that still waits for accept(). */
bool port_waits_for_accept(const struct port_socket *found);

#endif
