/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_STAMPS_H
#define EPHEMERA_STAMPS_H

/* Which TIME_WAIT had TCP timestamps. Only the kernel's socket shows it. */

#include "collectors/bpf/bind_buckets.h"
#include "collectors/kernel/socket.h"

/*
 * Whether the socket had them, from a walk of bind_buckets_list() that saw it. True for a socket
 * that came after the walk: it is too young to be taken over anyway. Sometimes false for one that
 * had them.
 */
bool stamps_has(const struct buckets_found *found, const struct socket *socket);

#endif
