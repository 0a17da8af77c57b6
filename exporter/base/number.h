/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NUMBER_H
#define EPHEMERA_NUMBER_H

/* Whole numbers in decimal digits: no sign, no blanks, any number of leading zeros. */

#include <stdbool.h>

/*
 * Reads the number that text begins with. Returns what follows it; or NULL where there is none or
 * it is above maximum, and leaves ret_number alone.
 */
const char *number_read(const char *text, unsigned long maximum, unsigned long *ret_number);

/* Whether all of text is a number from minimum to maximum; ret_number is left alone if not. */
bool number_parse(
    const char *text, unsigned long minimum, unsigned long maximum, unsigned long *ret_number);

#endif
