/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PORT_WORDING_H
#define EPHEMERA_UNIT_PORT_WORDING_H

/* What is said of a host's ports and sockets. */

#include "exporter/base/text.h"
#include "port_host.h"

/* Ends the text, compares and frees it. */
void assert_text(struct text *text, const char *wanted);
void assert_socket(const struct port_socket found, const char *wanted);

/* One with an inode, and a peer that has port 443. */
struct port_socket make(enum port_role role, enum socket_protocol protocol, enum socket_state state,
    const char *local, uint16_t port);

#define TEST(function) cmocka_unit_test_setup(function, set_up)

#endif
