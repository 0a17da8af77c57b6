/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SCREEN_H
#define EPHEMERA_SCREEN_H

/*
 * A whole terminal: its alternate screen, so that what was there comes back at the end; keys one by
 * one; and its size, which may change. One per process.
 */

#include <stdbool.h>

#include "exporter/base/text.h"

/* Whether standard input and output are a terminal that can move its cursor. */
bool screen_can(void);

/* Whether it may have colours: the environment has no NO_COLOR (https://no-color.org). */
bool screen_has_colours(void);

/*
 * Takes the terminal. From then on SIGINT, SIGTERM, SIGHUP and SIGQUIT are told by screen_wait(),
 * which also stops for Ctrl-Z, and takes the terminal again afterwards.
 * Returns 0 or -errno. Call screen_close() in any case where it returned 0: it gives back what was
 * there.
 */
int screen_open(void);
void screen_close(void);

/* Lines and columns of now; at least 1. */
void screen_size(int *ret_lines, int *ret_columns);

/* Keys beyond bytes. */
enum {
	SCREEN_NOTHING = -1, /* time is over */
	SCREEN_END = -2,     /* a signal to end, or the terminal is gone */
	SCREEN_RESIZED = -3, /* draw again */
	SCREEN_UP = 256,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_OTHER, /* a key that none of these is */
};

/* Waits up to timeout_ms for a key. Returns a byte or one of the above. */
int screen_wait(int timeout_ms);

/*
 * Draws a frame that fills the screen, from the first line on. text: lines with \n between
 * them, not after the last; no wider and no more than the screen. Returns 0 or -errno.
 */
int screen_draw(const struct text *text);

#endif
