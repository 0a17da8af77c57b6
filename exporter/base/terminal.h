/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TERMINAL_H
#define EPHEMERA_TERMINAL_H

/* What the commands for people share: a width, text that fits it, and watching. */

#include <stdbool.h>
#include <stddef.h>

/* The columns of standard output: 80 where it is no terminal, and never less than 60. */
int terminal_width(void);

/* Prints at most width bytes of text, the end of a long one, since paths differ there. */
void terminal_print_clipped(const char *text, size_t width);

/* Prints text in lines of at most width columns, each after indent blanks. */
void terminal_print_wrapped(const char *text, int indent, int width);

/*
 * Calls show every second until it fails or SIGINT or SIGTERM ends it. Returns 0, or the
 * -errno of show.
 */
int terminal_watch(int (*show)(void *context), void *context);

/* Prints text and a newline. Returns 0 or -errno. */
int terminal_put_line(const char *text);

/* Makes sure that all is written. Returns 0 or -errno. */
int terminal_flush(void);

/*
 * Prints a blank line and that sockets were read from /proc, and what is not shown there. refused:
 * sock_diag would have been read, and the kernel or a sandbox refused it.
 */
void terminal_print_source_note(bool refused);

#endif
