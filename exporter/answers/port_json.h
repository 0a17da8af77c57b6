/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_JSON_H
#define EPHEMERA_PORT_JSON_H

/* The answer about a port as JSON; docs/port.md says what each member is. */

#include "collectors/views/port_lookup.h"
#include "exporter/base/json.h"

/* Adds first_port, last_port and ports. */
void port_json_add_range(struct json *object, struct port_range range);

/* Adds socket_source: the source of each protocol's sockets. */
void port_json_add_source(struct json *object, const struct port_lookup *lookup);

/*
 * Adds the command that reserves the ports of services, of the asked ports; nothing if none should
 * be reserved.
 */
void port_json_add_advice(
    struct json *object, const struct port_lookup *lookup, const struct portset *asked);

/* Adds the members of a socket. */
void port_json_add_socket(
    struct json *object, const struct port_lookup *lookup, const struct port_socket *found);

/* Adds the answer, with at most limit sockets of each side. */
void port_json_add(struct json *object, const struct port_lookup *lookup,
    const struct port_answer *answer, size_t limit);

#endif
