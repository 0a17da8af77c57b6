/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCFS_H
#define EPHEMERA_PROCFS_H

/* Reads small files below procfs, whole and bounded. */

#include <stddef.h>

/*
 * Reads ROOT/NAME into new memory that ends in NUL; the caller frees it. Uses one read(), since a
 * setting below /proc/sys gives only the first read() anything (proc_do_large_bitmap() in
 * kernel/sysctl.c). Returns 0, -ENOMEM, -EFBIG if the file is longer than limit, or the -errno of
 * open() or read().
 */
int procfs_read(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length);

/* The same, into text, which has room for limit + 2 bytes. */
int procfs_read_into(
    const char *root, const char *name, size_t limit, char *text, size_t *ret_length);

/* Like procfs_read(), but reads only the first limit bytes of a longer file. */
int procfs_read_start(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length);

/*
 * Reads a file that holds one whole number of at most INT_MAX. Returns 0, -EBADMSG if it holds
 * something else, or as procfs_read().
 */
int procfs_read_number(const char *root, const char *name, int *ret_number);

/* The number in a directory entry's name (a pid or a descriptor), or -1 if it is not a number. */
int procfs_number(const char *name);

#endif
