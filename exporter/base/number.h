/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NUMBER_H
#define EPHEMERA_NUMBER_H

/* Whole numbers in decimal digits: no sign, no blanks; leading zeros are allowed. */

#include <stdbool.h>

/*
 * Reads the number that text begins with. Returns the text after it; or NULL, and leaves ret_number
 * alone, if there is no number or it is above maximum.
 */
const char *number_read(const char *text, unsigned long maximum, unsigned long *ret_number);

/* Whether text is a number from minimum to maximum and nothing else; if not, leaves ret_number. */
bool number_parse(
    const char *text, unsigned long minimum, unsigned long maximum, unsigned long *ret_number);

#endif
