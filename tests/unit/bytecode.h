/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BYTECODE_H
#define EPHEMERA_BYTECODE_H

/*
 * The kernel's side of a sock_diag filter, as net/ipv4/inet_diag.c has it: what it takes, and
 * which sockets get through. Only the operations that we use.
 */

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What struct inet_diag_entry has of a socket, of use here. */
struct bytecode_entry {
	uint16_t local_port;
	uint16_t remote_port;
	bool kernel_picked; /* no SOCK_BINDPORT_LOCK */
};

/* inet_diag_bc_audit(). The code is length bytes, none of them read beyond that. */
bool bytecode_audit(const void *code, size_t length);

/* inet_diag_bc_run(). */
bool bytecode_accepts(const void *code, size_t length, const struct bytecode_entry *entry);

#endif
