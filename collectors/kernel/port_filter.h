/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_FILTER_H
#define EPHEMERA_PORT_FILTER_H

/*
 * Which sockets of a listing are wanted, by their ports. sock_diag takes it as bytecode and
 * throws the rest away in the kernel, for half of what handing it over would cost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

enum port_filter_side { PORT_FILTER_LOCAL = 1 << 0, PORT_FILTER_REMOTE = 1 << 1 };

struct port_filter {
	const struct portset *ports;
	unsigned sides; /* enum port_filter_side, or'ed: one that matches is enough */
};

bool port_filter_matches(const struct port_filter *filter, const struct socket *socket);

/* One operation of struct inet_diag_bc_op, or the operand behind one. */
#define PORT_FILTER_OPERATION 4
#define PORT_FILTER_RANGES_MAX 64
/* Five operations for a range and a side, and those that leave out automatic ports. */
#define PORT_FILTER_CODE_SIZE ((PORT_FILTER_RANGES_MAX * 2 * 5 + 2) * PORT_FILTER_OPERATION)

/*
 * Writes bytecode that accepts what filter (NULL: everything) matches; with only_chosen, of
 * that, the sockets whose port bind() was given by number. Ports in more than
 * PORT_FILTER_RANGES_MAX pieces are taken as one range from the lowest to the highest, so
 * that what comes must still be looked at with port_filter_matches().
 * Returns the length in bytes, 0 where everything is accepted.
 */
size_t port_filter_compile(const struct port_filter *filter, bool only_chosen,
    unsigned char code[static PORT_FILTER_CODE_SIZE]);

#endif
