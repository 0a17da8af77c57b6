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
 * Puts question marks for control characters and for what is no UTF-8: what a peer or a
 * user sent must not speak to a terminal when it is quoted in an error.
 */
void text_make_printable(char *string);

#endif
