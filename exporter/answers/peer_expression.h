/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PEER_EXPRESSION_H
#define EPHEMERA_PEER_EXPRESSION_H

/* How people write the peers and the states of sockets that they ask for. */

#include "collectors/kernel/peer_filter.h"
#include "collectors/views/port_asked.h"

/*
 * Reads "10.0.0.1", "10.0.0.0/8", "[::1]", "2001:db8::/32", ":443", ":8000-8080", or an address or
 * network with a port as in "10.0.0.1:443" and "[2001:db8::/32]:443"; several with commas between
 * them, up to PEER_TERMS_MAX. Returns NULL; or what is wrong, and ret_filter is as it was.
 */
const char *peer_expression_parse(const char *text, struct peer_filter *ret_filter);

/*
 * Reads the names of states as answers show them, with - or _ or neither in them, in any letters;
 * several with commas between them. Returns NULL; or what is wrong, and ret_states is as it was.
 */
const char *state_expression_parse(const char *text, struct state_set *ret_states);

#endif
