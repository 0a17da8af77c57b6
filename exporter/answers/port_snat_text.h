/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_SNAT_TEXT_H
#define EPHEMERA_PORT_SNAT_TEXT_H

/* What is said of connections to which source NAT has given a port. */

#include "collectors/views/port_snat.h"
#include "exporter/base/json.h"
#include "exporter/base/text.h"

/* Adds that no socket has the port, but source NAT, if so. Returns whether it is so. */
bool port_snat_add_words(struct text *text, const struct port_snat *snat, uint16_t port);

/* Prints who has the port, at most limit connections, each on two lines; nothing if none has. */
void port_snat_print(const struct port_snat *snat, uint16_t port, size_t limit);

/* Prints "tcp  active  ADDRESS:PORT -> ADDRESS:PORT" and whose it is, behind column blanks. */
void port_snat_print_flow(const struct snat_flow *flow, int column);

/* Adds a line as port_oneline.h's, with the client in the place of processes. No newline. */
void port_snat_add_columns(struct text *text, const struct snat_flow *flow);

/* Adds the member "snat": how many there are, and the first ones; nothing if there are none. */
void port_snat_json_add(
    struct json *object, const struct port_snat *snat, uint16_t port, size_t limit);

#endif
