/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TEXT_H
#define EPHEMERA_TEXT_H

/* Text that grows. Zero-initialised, it is empty; the owner frees data. */

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
/* Anyone can choose the name of a process or a cgroup: text_make_printable() of it is added. */
void text_add_printable(struct text *text, const char *foreign);
/* Whole numbers without a point, others with the digits that read back exactly; +Inf, -Inf, NaN. */
void text_add_number(struct text *text, double number);
/* A bucket's bound, 0 or more, as OpenMetrics writes it: "0.001", "1.0", "1e+06", "+Inf". */
void text_add_bound(struct text *text, double bound);

/*
 * The length in bytes of the first character if it must not reach a terminal; 0 if it may, or if
 * the string is empty. Such a character is a control character, a Unicode control that reorders or
 * hides the text around it (U+061C, U+200E and F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF), or
 * a byte that is not UTF-8. The string must end in NUL.
 */
size_t text_unprintable(const char *string);

/*
 * Replaces each byte that text_unprintable() counts by a question mark. Text from a peer, a user or
 * a process name must not control the terminal, nor look like other text there.
 */
void text_make_printable(char *string);

#endif
