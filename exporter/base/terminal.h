/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TERMINAL_H
#define EPHEMERA_TERMINAL_H

/* Output to a terminal: its width, text that fits it, and --watch. */

#include <stdbool.h>
#include <stddef.h>

/* The columns of standard output: 80 if it is not a terminal, and never fewer than 60. */
int terminal_width(void);

/* The same of what can be narrower, with 20 at least. */
int terminal_narrow_width(void);

/*
 * Where a name that is too long is cut off: the columns of a terminal. Standard output that is none
 * is read by programs, and has room: INT_MAX.
 */
int terminal_cut_width(void);

/* Prints at most width bytes: the end of a long text, since paths differ at the end. */
void terminal_print_clipped(const char *text, size_t width);

/* Prints text in lines of at most width columns, each after indent blanks. */
void terminal_print_wrapped(const char *text, int indent, int width);

/* Why rows are left out, of those that --limit=most allows: "--limit", or the terminal. */
const char *terminal_reason(size_t limit, size_t most);

/* Prints to standard output, at most limit rows, and says how many it left out. */
typedef void terminal_print(const void *context, size_t limit);

/*
 * Calls print with most. On a terminal it shows that instead of what was there before, and if it
 * has more lines than the terminal, calls print with the highest lower limit that fits, at least 1.
 * What does not fit even then loses its end. Returns 0 or -ENOMEM.
 */
int terminal_show(terminal_print *print, const void *context, size_t most);

/*
 * Calls show every second, and when the terminal's size changes, until it fails, or until SIGINT or
 * SIGTERM. Returns 0, or show's -errno.
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
