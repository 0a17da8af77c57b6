/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TOP_SCREEN_H
#define EPHEMERA_TOP_SCREEN_H

/* A frame of `ephemera top`: text that fits a screen, and its colours. */

#include "exporter/answers/top_rows.h"
#include "exporter/base/text.h"

struct top_frame {
	const struct top_rows *rows; /* sorted; those that do not match the filter are left out */
	const char *host;
	const char *clock;   /* "12:03:41" */
	const char *summary; /* of the namespace, or of all; one line */
	const char *failure; /* the last one, or why none are seen; one line */
	const char *filter;
	bool types_filter; /* it is being typed */
	enum top_sort sort;
	bool is_paused;
	bool shows_help; /* the keys, in the place of the rows */
	bool can_go_back;
	size_t selected; /* of the rows that match */
	size_t first;	 /* the first of them on the screen */
};

/* The keys and what they do, a line each, each with a newline. */
extern const char top_screen_keys[];

/* How many rows fit on a screen of that many lines; at least 1. */
size_t top_screen_rows(int lines);

/* The chosen row; NULL: no row matches the filter. */
const struct top_row *top_screen_chosen(const struct top_frame *frame);

/* How many rows match the filter. */
size_t top_screen_matches(const struct top_frame *frame);

/*
 * Adds the frame to text: at most `lines` lines with \n between them, each at most `columns` wide.
 * colours: with escape sequences, which take no place.
 */
void top_screen_render(
    struct text *text, const struct top_frame *frame, int lines, int columns, bool colours);

/* The same for what is no terminal: heading and rows, at most limit, and a newline at the end. */
void top_screen_print(struct text *text, const struct top_frame *frame, size_t limit, int columns);

#endif
