/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WALK_CHECK_H
#define EPHEMERA_WALK_CHECK_H

/*
 * Whether what a walk finds is true. A kernel's verifier can change what a program does, and a
 * kernel its tables: then the program loads, and finds nothing, or something twice.
 */

#include <stdbool.h>

#include "collectors/kernel/walk.h"

/*
 * Opens a few sockets of its own, outside the ephemeral range, and looks whether the walk finds
 * each once; and whether it finds as many as the kernel says:
 *
 * thorough: by protocol, family and state, between two dumps of sock_diag. If sockets come and go
 * meanwhile, it may find so many more or fewer, and the comparison is made up to five times.
 * A connection is then among its own sockets, which the kernel's counters of opened ones have.
 * Otherwise only listeners, by sock_diag, and the number of TCP sockets in all, by
 * /proc/net/sockstat, which cost next to nothing.
 *
 * procfs: such as "/proc". Returns 0 if it agrees, -EBADE if it does not, or another -errno if it
 * cannot be told; and then in ret_reason why, a static string for a log.
 */
int walk_check(struct walk *walk, const char *procfs, bool thorough, const char **ret_reason);

#endif
