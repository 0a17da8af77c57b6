/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORT_FILTER_H
#define EPHEMERA_PORT_FILTER_H

/*
 * Selects sockets of a listing by their ports. sock_diag runs it as bytecode and drops the rest in
 * the kernel, for half the cost of sending it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

enum port_filter_side { PORT_FILTER_LOCAL = 1 << 0, PORT_FILTER_REMOTE = 1 << 1 };

struct port_filter {
	const struct portset *ports;
	unsigned sides; /* enum port_filter_side, or'ed: one match is enough */
};

bool port_filter_matches(const struct port_filter *filter, const struct socket *socket);

/* Size of one operation, struct inet_diag_bc_op, or of its operand. */
#define PORT_FILTER_OPERATION 4
#define PORT_FILTER_RANGES_MAX 64
/* Five operations for each range and side, and two that leave out automatic ports. */
#define PORT_FILTER_CODE_SIZE ((PORT_FILTER_RANGES_MAX * 2 * 5 + 2) * PORT_FILTER_OPERATION)

/*
 * Writes bytecode that accepts what filter (NULL: everything) matches; with only_chosen, only those
 * sockets whose port bind() got by number. Ports in more than PORT_FILTER_RANGES_MAX pieces become
 * one range from the lowest to the highest, so check what comes with port_filter_matches(). Returns
 * the length in bytes; 0: everything is accepted.
 */
size_t port_filter_compile(const struct port_filter *filter, bool only_chosen,
    unsigned char code[static PORT_FILTER_CODE_SIZE]);

#endif
