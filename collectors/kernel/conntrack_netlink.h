/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONNTRACK_NETLINK_H
#define EPHEMERA_CONNTRACK_NETLINK_H

/*
 * What connection tracking knows, by netlink (ctnetlink): for kernels without
 * /proc/net/nf_conntrack. It is of the caller's network namespace. The kernel asks for
 * CAP_NET_ADMIN at each request: nfnetlink_rcv() in net/netfilter/nfnetlink.c.
 */

#include "collectors/kernel/conntrack.h"
#include "collectors/kernel/conntrack_stats.h"

struct nlmsghdr;

/*
 * Reads a message of a dump of entries: ctnetlink_fill_info() in
 * net/netfilter/nf_conntrack_netlink.c. Returns 1; 0 if it is of another protocol than TCP and UDP;
 * or -EBADMSG.
 */
int conntrack_decode(const struct nlmsghdr *message, struct conntrack_entry *ret_entry);

/*
 * The same as conntrack_walk(), with a request of its own. Returns 0, what visit returned, or
 * -errno: -EPERM without the capability, -EOPNOTSUPP if the kernel has no ctnetlink, or as
 * netlink_dump().
 */
int conntrack_netlink_walk(
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context);

/* Adds the counters of a message, which are those of one processor. Returns 0 or -EBADMSG. */
int conntrack_decode_stats(
    const struct nlmsghdr *message, struct conntrack_counter *counters, size_t count);

/* The same as conntrack_stats_read(). Returns 0, or -errno as conntrack_netlink_walk(). */
int conntrack_netlink_stats(struct conntrack_counter *counters, size_t count);

#endif
