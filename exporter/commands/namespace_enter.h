/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACE_ENTER_H
#define EPHEMERA_NAMESPACE_ENTER_H

/* --namespace of a command: which network namespace it asks, and the way into it. */

#include "collectors/views/namespace_rows.h"
#include "exporter/commands/options.h"

#define NAMESPACE_ERROR_SIZE 512

/* Whether it is "all", for every namespace of the host. */
bool namespace_is_all(const struct options *options);

/* Whether the command line can have it: a command's check. */
int namespace_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE]);

/*
 * Moves this process, of one thread, to the namespace that --namespace names; without the flag it
 * stays. Call it before anything is opened. A line on standard error says which it is;
 * if the answer has commands, also how to run them there. Returns 0; or -errno, and in error what
 * is wrong and what to do, in words.
 */
int namespace_enter(const struct options *options, char error[static NAMESPACE_ERROR_SIZE]);

/*
 * The same for the namespace of that row, which is called as the row is. -EPERM: no other one can
 * be entered either.
 */
int namespace_enter_row(const struct options *options, const struct namespace_row *row,
    char error[static NAMESPACE_ERROR_SIZE]);

/* Whether one of these has moved this process, and it is not back where it began. */
bool namespace_was_left(void);

/*
 * Finds the only namespace of a pod, "POD" or "NAMESPACE/POD". Returns 0; -ENOENT: there is none;
 * or -ENOTUNIQ, and in error which there are.
 */
int namespace_find_pod(const struct namespace_rows *rows, const char *name, uint32_t *ret_inode,
    char error[static NAMESPACE_ERROR_SIZE]);

#endif
