/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UTF8_H
#define EPHEMERA_UTF8_H

#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/*
 * The length of the UTF-8 character that the string begins with, 1 to 4; 0 if it is not valid.
 * Overlong forms, surrogates and anything above U+10FFFF are not (RFC 3629). The string must end
 * in NUL.
 */
size_t utf8_length(const char *string);

/* The code point of a valid character of length bytes, as utf8_length() returned it. */
unsigned utf8_code_point(const char *character, size_t length);

/* A copy with U+FFFD in place of each byte that is not part of a valid character; NULL: no memory.
 * The caller frees it. */
char *utf8_make_valid(const char *string);

#endif
