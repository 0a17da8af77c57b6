/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TEXT_H
#define EPHEMERA_TEXT_H

/* Text that grows. Zero-initialised it is empty; the owner frees data. */

#include <stddef.h>

struct text {
	char *data; /* not ended by NUL */
	size_t length;
	size_t capacity;
	int error; /* 0 or -ENOMEM; once set, nothing more is added */
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_add_string(struct text *text, const char *string);
void text_add_char(struct text *text, char c);
/* A whole number as such, any other so that it reads back exactly; +Inf, -Inf and NaN. */
void text_add_number(struct text *text, double number);
/* A bucket's bound, not negative, as OpenMetrics wants it: "0.001", "1.0", "1e+06", "+Inf". */
void text_add_bound(struct text *text, double bound);

/*
 * How many bytes at the start of string must not reach a terminal as they are; 0: none of the first
 * character, or the string is empty. They are a control character, a Unicode control that reorders
 * or hides the text around it (U+061C, U+200E and F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF),
 * or one byte that is no UTF-8. The string must end in NUL.
 */
size_t text_unprintable(const char *string);

/*
 * Puts a question mark for each byte that text_unprintable() tells: what a peer or a user sent, or
 * what somebody named, must neither speak to a terminal nor be read as something else there.
 */
void text_make_printable(char *string);

#endif
