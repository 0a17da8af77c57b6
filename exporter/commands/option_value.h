/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTION_VALUE_H
#define EPHEMERA_OPTION_VALUE_H

/* What the values of flags may be. Each returns 0, or -EINVAL with what is wrong in error. */

#include "exporter/commands/flags.h"
#include "exporter/commands/options.h"

/* Writes what is wrong, made printable. Returns -EINVAL. */
int option_fail(char error[static OPTIONS_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* name: the flag's, without dashes. */
int option_number(char error[static OPTIONS_ERROR_SIZE], const char *name, const char *text,
    unsigned long minimum, unsigned long maximum, unsigned long *ret_number);

/* Sets what the flag is for, to a value of its kind; value is NULL for a switch. */
int option_set(struct options *options, const struct flag *flag, const char *value,
    char error[static OPTIONS_ERROR_SIZE]);

#endif
