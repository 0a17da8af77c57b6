/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NETLINK_H
#define EPHEMERA_NETLINK_H

/*
 * Dumps over NETLINK_SOCK_DIAG, and questions over NETLINK_ROUTE. The only file that talks
 * libmnl sockets; it knows nothing of what is in a message.
 */

#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/*
 * What the kernel fills at most in one recv() (netlink_recvmsg() caps it there). Offering
 * less costs a system call for every page; offering more gains nothing.
 */
#define NETLINK_BUFFER 32768

struct netlink_sink {
	/* One message of the dump. A -errno ends the dump. */
	int (*message)(void *context, const struct nlmsghdr *message);
	/* The bytes of one recv(), before their messages; may be NULL. As above. */
	int (*received)(void *context, const void *bytes, size_t length);
	void *context;
};

/*
 * Sends request (nlmsg_seq is set here) on a socket of its own and hands on what comes.
 * A fresh socket for each dump means that nothing of an aborted one can be left in it.
 *
 * Returns 0 when the dump is complete, else -errno: what the kernel answered, be it an
 * error message or the errno that NLMSG_DONE carries (-ENOENT: no such protocol module);
 * -EINTR where the dump was inconsistent (NLM_F_DUMP_INTR) or overrun (ENOBUFS) and is to
 * be repeated; -EMSGSIZE where a message was truncated; -EBADMSG where it was malformed;
 * -ETIMEDOUT where the kernel was silent for five seconds; or what sink returned.
 */
int netlink_dump(struct nlmsghdr *request, const struct netlink_sink *sink);

/* The same for a request to NETLINK_ROUTE that is answered by one message, and no dump. */
int netlink_get_route(struct nlmsghdr *request, const struct netlink_sink *sink);

/*
 * Hands on the messages in bytes, which must be aligned as struct nlmsghdr. Sequence and
 * port number 0 match any. Returns 1 where more is to come, 0 after NLMSG_DONE, or -errno
 * as above.
 */
int netlink_parse(const void *bytes, size_t length, uint32_t sequence, uint32_t port,
    const struct netlink_sink *sink);

#endif
