/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCNET_H
#define EPHEMERA_PROCNET_H

/*
 * The fallback where sock_diag is absent: /proc/net/{tcp,tcp6,udp,udp6}. It costs several
 * times as much and tells less: no bound-only sockets, no cgroup, no accept queue limit,
 * and not which ports were chosen by number.
 */

#include "collectors/kernel/inet_diag.h"
#include "collectors/kernel/socket.h"

/*
 * Calls observe for each socket of listing; batch, where not NULL, is called now and then
 * in between. Either's -errno ends it.
 * Returns 0, -EOPNOTSUPP for a *_CHOSEN listing, -EBADMSG for a line that does not read,
 * or open's and read's -errno. That a kernel without IPv6 lacks the IPv6 files is no error.
 */
int procnet_list(const char *procfs, enum listing listing,
    int (*observe)(void *context, const struct socket *socket), int (*batch)(void *context),
    void *context);

/*
 * Reads one line, without its newline, of the file that has sockets of that family.
 * line need not end in NUL. Returns 0 or -EBADMSG.
 */
int procnet_decode(const char *line, size_t length, enum socket_protocol protocol,
    enum socket_family family, struct socket *ret_socket);

#endif
