/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BIND_BUCKETS_H
#define EPHEMERA_BIND_BUCKETS_H

/*
 * The ports that bind() keeps from every connect(), read from the kernel's own table. It includes
 * what sock_diag does not show: sockets that were bound to port 0 and then connected, and bound
 * sockets in TIME_WAIT (docs/semantics.md, "What cannot be seen").
 *
 * bind() holds a port if its bucket's fastreuse or fastreuseport is not negative; then
 * __inet_hash_connect() (net/ipv4/inet_hashtables.c) skips the port. Also which TIME_WAIT had no
 * timestamps: see stamps.h.
 */

#include "collectors/bpf/bind_buckets.h"
#include "collectors/kernel/portset.h"

struct bind_buckets;

/*
 * Loads the program. Needs CAP_BPF, CAP_PERFMON, the kernel's BTF and Linux 5.9. It reads the
 * network namespace of the thread that walks. Returns 0; or -errno, and in ret_reason why, a static
 * string for a log.
 */
int bind_buckets_open(struct bind_buckets **ret_buckets, const char **ret_reason);
void bind_buckets_close(struct bind_buckets *buckets); /* NULL is fine */

/*
 * Walks all TCP sockets except those that only bind(), into found (136 KiB). range is
 * ip_local_port_range, to find sockets with a range of their own. batch: see struct
 * source_observer; called about once in a million sockets. Since Linux 6.1 this needs no
 * capability; before, -EPERM without it. Any thread may call it; one walk runs at a time. Returns
 * 0; -ECANCELED if batch said so; or another -errno, and found is unchanged.
 */
int bind_buckets_list(struct bind_buckets *buckets, struct port_range range,
    int (*batch)(void *context), void *context, struct buckets_found *found);

/* The ports that bind() holds. */
static inline const struct portset *buckets_bound(const struct buckets_found *found)
{
	_Static_assert(sizeof(found->bound) == sizeof(struct portset), "a bit for each port");
	return (const struct portset *)found->bound;
}

#endif
