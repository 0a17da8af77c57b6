/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SANDBOX_H
#define EPHEMERA_SANDBOX_H

/*
 * The system calls that the serving daemon needs from then on; the kernel refuses all others.
 * There is no way back, and threads that are started later are bound by it as well.
 *
 * What no longer works, for whoever adds to the daemon: opening a file for writing, sockets other
 * than those of NETLINK_SOCK_DIAG and NETLINK_ROUTE (name services, syslog), connect(), other
 * programs, dlopen() and with it pthread_exit() and pthread_cancel(), for which glibc loads
 * a library.
 */

#include <stdbool.h>

struct sandbox_options {
	bool removes_sockets; /* files may be removed: a unix socket is listened on */
	bool walks_by_bpf;    /* walks of BPF programs that are loaded may be begun */
};

/*
 * Before the first thread is started, and after PR_SET_NO_NEW_PRIVS. A call that is not
 * allowed fails with EPERM, or with ENOSYS where glibc then does without it; one of another
 * architecture's numbering ends the process.
 *
 * Returns 0; -ENOSYS or -EINVAL where the kernel has no seccomp filters, -EPERM or -EACCES
 * where something around us does not let us have one, or another -errno.
 */
int sandbox_enter(const struct sandbox_options *options);

/* Whether this build allows what it allows to a sanitizer's runtime, too. */
bool sandbox_is_widened(void);

#endif
