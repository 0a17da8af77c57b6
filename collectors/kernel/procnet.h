/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCNET_H
#define EPHEMERA_PROCNET_H

/*
 * The fallback if sock_diag is absent: /proc/net/{tcp,tcp6,udp,udp6}. It costs several times as
 * much and shows less: no bound-only sockets, no cgroup, no accept queue limit, and not which ports
 * were chosen by number.
 */

#include "collectors/kernel/inet_diag.h"
#include "collectors/kernel/socket.h"

/*
 * Calls observe for each socket of listing, and batch, if not NULL, now and then in between. A
 * -errno of either ends it. Returns 0, -EOPNOTSUPP for a *_CHOSEN listing, -EBADMSG for a malformed
 * line, or the -errno of open() or read(). Missing IPv6 files (a kernel without IPv6) are no error.
 */
int procnet_list(const char *procfs, enum listing listing,
    int (*observe)(void *context, const struct socket *socket), int (*batch)(void *context),
    void *context);

/*
 * Reads one line, without its newline, of the file of that family. line need not end in NUL.
 * Returns 0 or -EBADMSG.
 */
int procnet_decode(const char *line, size_t length, enum socket_protocol protocol,
    enum socket_family family, struct socket *ret_socket);

#endif
