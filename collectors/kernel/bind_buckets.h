/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BIND_BUCKETS_H
#define EPHEMERA_BIND_BUCKETS_H

/*
 * The ports that a bind() keeps from every connect(), read from the kernel's own table, where
 * sock_diag does not tell them: sockets that were bound to port 0 and then connected, and what
 * is left of bound sockets in TIME_WAIT (docs/semantics.md, "What cannot be seen").
 *
 * A port belongs to them where its bucket's fastreuse or fastreuseport is not negative: what
 * __inet_hash_connect() (net/ipv4/inet_hashtables.c) asks before it passes a port by. And which
 * TIME_WAIT is left of connections without timestamps: see stamps.h.
 */

#include "collectors/bpf/bind_buckets.h"
#include "collectors/kernel/portset.h"

struct bind_buckets;

/*
 * Loads the program; takes CAP_BPF, CAP_PERFMON, the kernel's BTF and Linux 5.9. What is read
 * is the namespace of whoever reads. Returns 0, or -errno and why in ret_reason, in words for a
 * log; it is static.
 */
int bind_buckets_open(struct bind_buckets **ret_buckets, const char **ret_reason);
void bind_buckets_close(struct bind_buckets *buckets); /* NULL: nothing */

/*
 * Walks all TCP sockets but those that only bind(), into found, which is 136 KiB. range is
 * ip_local_port_range, by which the sockets' own ones are measured. batch is as in
 * struct source_observer, asked once in about a million sockets. On Linux 6.1 and later that takes
 * no capability; -EPERM where it does. Any thread may; one walk is made at a time. Returns 0,
 * -ECANCELED where batch said so, or another -errno, and found is as it was.
 */
int bind_buckets_list(struct bind_buckets *buckets, struct port_range range,
    int (*batch)(void *context), void *context, struct buckets_found *found);

/* The ports that a bind() holds. */
static inline const struct portset *buckets_bound(const struct buckets_found *found)
{
	_Static_assert(sizeof(found->bound) == sizeof(struct portset), "a bit for each port");
	return (const struct portset *)found->bound;
}

#endif
