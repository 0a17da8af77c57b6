/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_CHANCE_H
#define EPHEMERA_PORT_CHANCE_H

/* How likely the kernel is to hand out a free port next. */

#include "collectors/kernel/settings.h"

/*
 * To connect() towards a destination that has no connection yet: __inet_hash_connect() in
 * net/ipv4/inet_hashtables.c starts at a random port of the range's first parity and takes,
 * in steps of two, the first that is not passed over. passed_over: ports that no connect()
 * takes; reserved ones need not be in it.
 * 0: not before the destination has used up that half of the range, or never.
 */
double port_chance_of_connect(
    const struct settings *settings, const struct portset *passed_over, uint16_t port);

/*
 * To bind() to port 0, which begins with the other parity (inet_csk_find_open_port() in
 * net/ipv4/inet_connection_sock.c): at least this much, and more where the ports before it
 * are taken.
 */
double port_chance_of_bind(const struct settings *settings, uint16_t port);

#endif
