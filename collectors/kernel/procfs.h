/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCFS_H
#define EPHEMERA_PROCFS_H

/* Small files below procfs, read whole and bounded. */

#include <stddef.h>

/*
 * Reads ROOT/NAME into newly allocated memory that ends in NUL; the caller frees it. All of
 * it is asked for in one read(), since a setting below /proc/sys gives what fits into the
 * first one and nothing to the next (proc_do_large_bitmap() in kernel/sysctl.c).
 * Returns 0, -ENOMEM, -EFBIG where the file is longer than limit, or open's and read's
 * -errno.
 */
int procfs_read(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length);

/* The same, into text, which has room for limit + 2 bytes. */
int procfs_read_into(
    const char *root, const char *name, size_t limit, char *text, size_t *ret_length);

/* As procfs_read(), but of a longer file the first limit bytes. */
int procfs_read_start(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length);

/*
 * Reads a file that holds one whole number of at most INT_MAX. Returns 0, -EBADMSG where
 * it holds something else, or as procfs_read.
 */
int procfs_read_number(const char *root, const char *name, int *ret_number);

/* The number that a directory entry's name is, or -1 where it is none: what is a pid or a fd. */
int procfs_number(const char *name);

#endif
