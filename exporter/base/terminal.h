/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TERMINAL_H
#define EPHEMERA_TERMINAL_H

/* Output to a terminal: its width, text that fits it, and --watch. */

#include <stdbool.h>
#include <stddef.h>

/* The columns of standard output: 80 if it is not a terminal, and never fewer than 60. */
int terminal_width(void);

/* Prints at most width bytes: the end of a long text, since paths differ at the end. */
void terminal_print_clipped(const char *text, size_t width);

/* Prints text in lines of at most width columns, each after indent blanks. */
void terminal_print_wrapped(const char *text, int indent, int width);

/*
 * Calls show every second until it fails, or until SIGINT or SIGTERM. Returns 0, or show's -errno.
 */
int terminal_watch(int (*show)(void *context), void *context);

/* Prints text and a newline. Returns 0 or -errno. */
int terminal_put_line(const char *text);

/* Writes all that is buffered. Returns 0 or -errno. */
int terminal_flush(void);

/*
 * Prints a blank line, then that sockets were read from /proc and what is not shown there. refused:
 * sock_diag was tried first, and the kernel or a sandbox refused it.
 */
void terminal_print_source_note(bool refused);

#endif
