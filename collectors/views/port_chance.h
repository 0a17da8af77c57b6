/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_CHANCE_H
#define EPHEMERA_PORT_CHANCE_H

/* The chance that the kernel picks a free port next. */

#include "collectors/kernel/settings.h"

/*
 * For connect() to a destination without connections: __inet_hash_connect() in
 * net/ipv4/inet_hashtables.c starts at a random port of the range's first parity and takes, in
 * steps of two, the first port that it does not skip. passed_over: ports that no connect() takes;
 * reserved ones need not be in it. 0: not before the destination has used up that half of the
 * range, or never.
 */
double port_chance_of_connect(
    const struct settings *settings, const struct portset *passed_over, uint16_t port);

/*
 * For bind() to port 0, which begins with the other parity (inet_csk_find_open_port() in
 * net/ipv4/inet_connection_sock.c): at least this, and more if the ports before it are taken.
 */
double port_chance_of_bind(const struct settings *settings, uint16_t port);

#endif
