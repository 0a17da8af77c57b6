/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPTION_VALUE_H
#define EPHEMERA_OPTION_VALUE_H

/* Reads the values of flags. Each returns 0; or -EINVAL, and in error what is wrong. */

#include "exporter/commands/flags.h"
#include "exporter/commands/options.h"

/* Writes what is wrong to error, made printable. Returns -EINVAL. */
int option_fail(char error[static OPTIONS_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* name: of the flag, without dashes. */
int option_number(char error[static OPTIONS_ERROR_SIZE], const char *name, const char *text,
    unsigned long minimum, unsigned long maximum, unsigned long *ret_number);

/* Ports, such as "8000-8080", as collector_ports() has them. */
int option_ports(char error[static OPTIONS_ERROR_SIZE], const char *name, const char *text,
    unsigned long *ret_ports);

/* Sets the flag's member of options; value is NULL for a switch. */
int option_set(struct options *options, const struct flag *flag, const char *value,
    char error[static OPTIONS_ERROR_SIZE]);

#endif
