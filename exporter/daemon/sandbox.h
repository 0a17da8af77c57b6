/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SANDBOX_H
#define EPHEMERA_SANDBOX_H

/*
 * Allows only the system calls that the daemon needs; the kernel refuses all others. This cannot be
 * undone, and also holds for threads that are started later.
 *
 * If you add to the daemon, these no longer work: opening a file for writing, sockets other than
 * those of netlink below (so no name services, no syslog), bind(), connect(), sending
 * to an address, recvmsg() (by which descriptors are passed), running other programs, dlopen(), and
 * so pthread_exit() and pthread_cancel(), for which glibc loads a library.
 */

#include <stdbool.h>

struct sandbox_options {
	bool removes_sockets; /* allow removing files: there is a unix socket */
	bool walks_by_bpf;    /* allow starting walks of BPF programs that are loaded */
	bool asks_netfilter;  /* allow NETLINK_NETFILTER, which needs CAP_NET_ADMIN besides */
	int datagram_socket;  /* it sends only to where it is connected; -1: there is none */
};

/*
 * Call it before the first thread and after PR_SET_NO_NEW_PRIVS. A call that is not allowed fails
 * with EPERM, or with ENOSYS if glibc then works without it. A call by another architecture's
 * numbers ends the process.
 *
 * Returns 0; -ENOSYS or -EINVAL if the kernel has no seccomp filters; -EPERM or -EACCES if a
 * surrounding sandbox does not allow one; or another -errno.
 */
int sandbox_enter(const struct sandbox_options *options);

/* Whether this build also allows the calls that a sanitizer's runtime needs. */
bool sandbox_is_widened(void);

#endif
