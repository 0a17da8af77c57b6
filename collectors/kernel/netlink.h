/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NETLINK_H
#define EPHEMERA_NETLINK_H

/*
 * Dumps over NETLINK_SOCK_DIAG and NETLINK_NETFILTER, and requests over NETLINK_ROUTE. Only
 * netlink.c uses libmnl's sockets; it does not read what is in a message.
 */

#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/*
 * The most that the kernel fills in one recv() (the cap in netlink_recvmsg()). A smaller buffer
 * costs a system call for every page; a larger one gains nothing.
 */
#define NETLINK_BUFFER 32768

struct netlink_sink {
	/* One message of the dump. A -errno ends the dump. */
	int (*message)(void *context, const struct nlmsghdr *message);
	/* The bytes of one recv(), before their messages; may be NULL. A -errno ends the dump. */
	int (*received)(void *context, const void *bytes, size_t length);
	void *context;
};

/*
 * Sends request (sets nlmsg_seq) on a new socket and passes what comes to sink. A new socket for
 * each dump has nothing left from an aborted one.
 *
 * Returns 0 when the dump is complete, else -errno: the kernel's, from an error message or from
 * NLMSG_DONE (-ENOENT: no such protocol module); -EINTR: the dump was inconsistent
 * (NLM_F_DUMP_INTR) or overrun (ENOBUFS), repeat it; -EMSGSIZE: a message was truncated; -EBADMSG:
 * malformed; -ETIMEDOUT: the kernel was silent for five seconds; or what sink returned.
 */
int netlink_dump(struct nlmsghdr *request, const struct netlink_sink *sink);

/* The same for NETLINK_NETFILTER, which needs CAP_NET_ADMIN: else -EPERM. */
int netlink_dump_netfilter(struct nlmsghdr *request, const struct netlink_sink *sink);

/* The same for a request to NETLINK_ROUTE with one message as the answer, not a dump. */
int netlink_get_route(struct nlmsghdr *request, const struct netlink_sink *sink);

/*
 * Passes the messages in bytes, which must be aligned like struct nlmsghdr, to sink. sequence and
 * port 0 match any. Returns 1 if more is to come, 0 after NLMSG_DONE, or -errno as above.
 */
int netlink_parse(const void *bytes, size_t length, uint32_t sequence, uint32_t port,
    const struct netlink_sink *sink);

#endif
