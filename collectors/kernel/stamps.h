/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_STAMPS_H
#define EPHEMERA_STAMPS_H

/* Which TIME_WAIT is left of connections that used TCP timestamps: only the kernel's socket knows.
 */

#include "collectors/bpf/bind_buckets.h"
#include "collectors/kernel/socket.h"

/*
 * Whether it did, by a walk of bind_buckets_list() that saw the socket. Of one that came since,
 * true; it is too young to be taken over. False now and then of one that did.
 */
bool stamps_has(const struct buckets_found *found, const struct socket *socket);

#endif
