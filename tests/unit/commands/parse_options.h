/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PARSE_OPTIONS_H
#define EPHEMERA_PARSE_OPTIONS_H

/* A command line, and what came of it. */

#include <stdint.h>

#include "collectors/registry.h"
#include "exporter/commands/commands.h"

/* Of the last one that was read. */
extern struct options options;
extern char error[OPTIONS_ERROR_SIZE];

#define PARSE(...) parse((const char *[]){"ephemera", __VA_ARGS__, NULL})

/* arguments: ended by NULL. Returns what options_parse() does. */
int parse(const char *const *arguments);
int parse_nothing(void);

/* The error must name what was wrong: both words are looked for in it. value: NULL if there is
 * none. */
void assert_refused(int result, const char *flag, const char *value);

/* The collector of that name as a set; the value of its flag. */
collector_set bit(const char *name);
unsigned long collector_value(const char *collector, const char *flag);

#endif
