/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WALK_H
#define EPHEMERA_WALK_H

/*
 * The sockets of our network namespace, or of all, read from the kernel's own tables by a BPF
 * program. It costs a fraction of what sock_diag does, and tells more of a socket. Of a TCP socket
 * it does not tell the user, and the inode only of one that did nothing but bind().
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/bpf/walk.h"
#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

struct walk;

struct walk_sink {
	/* A socket. A -errno ends the walk. */
	int (*observe)(void *context, const struct socket *socket);
	int (*batch)(void *context); /* after each part, so every millisecond or so; may be NULL */
	void *context;
	/* walk_list_all(): bind() keeps the port from every connect() of that namespace. */
	int (*held)(void *context, uint32_t namespace_id, uint16_t port);
};

/*
 * Loads the program. Needs CAP_BPF, CAP_PERFMON, the kernel's BTF, a 64-bit kernel and Linux 6.1;
 * a walk needs no capability. Returns 0; or -errno, and in ret_reason why, a static string for a
 * log. walk_check() says whether what it finds can be relied on.
 */
int walk_open(struct walk **ret_walk, const char **ret_reason);
void walk_close(struct walk *walk); /* NULL is fine */

/* Whether it can walk WALK_UDP: from Linux 6.2 on. */
bool walk_has_udp(const struct walk *walk);

/*
 * Walks a table. ports: NULL for all sockets; else, of WALK_CONNECTED, only those that have one of
 * them at either end, and then their age. Any thread may call it; one walk runs at a time. Walk
 * WALK_BINDS before WALK_CONNECTED, which else says of no connection that bind() chose its port.
 *
 * Returns 0; -ENOBUFS: a chain was too long or changed too often, so sockets are missing; the
 * observer's -errno; or the kernel's.
 */
int walk_list(struct walk *walk, enum walk_table table, const struct portset *ports,
    const struct walk_sink *sink);

/*
 * Walks WALK_BINDS, and sets in ret_held the ports that bind() keeps from every connect(). Sockets
 * that only called bind() go to the sink. On a port that more than 256 accepted connections share,
 * these may be missed; the port is not.
 */
int walk_list_binds(struct walk *walk, const struct walk_sink *sink, struct portset *ret_held);

/*
 * Calls each for every network namespace of the host, ours among them, with its settings; for one
 * perhaps twice, if another went meanwhile. Returns as walk_list(), or what each returned.
 */
int walk_list_namespaces(struct walk *walk,
    int (*each)(void *context, const struct walk_namespace *entry), void *context);

/* The reserved ports of that namespace. Returns 0, -ESRCH: it is gone; or another -errno. */
int walk_read_reserved(struct walk *walk, uint32_t namespace_id, struct portset *ret_reserved);

/*
 * The same as walk_list() for the sockets of all namespaces, each with its namespace_id. Most
 * namespaces share one table; for one that has its own (WALK_OWN_TCP_TABLE, WALK_OWN_UDP_TABLE)
 * give its id, else 0. WALK_LISTENERS and WALK_BINDS have no such tables.
 * Of WALK_BINDS, sink->held gets the ports that bind() holds. Also returns -ESRCH: the namespace
 * is gone.
 */
int walk_list_all(struct walk *walk, enum walk_table table, uint32_t namespace_id,
    const struct portset *ports, const struct walk_sink *sink);

/*
 * Reads one record of that table into ret_socket. tick_ns: the length of a jiffy. Returns 0 or
 * -EBADMSG: no such state.
 */
int walk_decode(enum walk_table table, const struct walk_record *record, uint32_t tick_ns,
    struct socket *ret_socket);

#endif
