/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_VALUE_H
#define EPHEMERA_WEB_CONFIG_VALUE_H

/*
 * Single values of the web configuration, as text. Each parser returns 0 or -EINVAL. Each check
 * returns NULL, or what is wrong: a static string that quotes nothing.
 */

#include <stdbool.h>

/* true, yes, on, y and their opposites, in YAML 1.1's cases. */
int web_value_parse_bool(const char *text, bool *ret_bool);

/* A whole number as Go writes it: a sign, 0x, 0o, 0b or a leading zero for octal, underscores. */
int web_value_parse_integer(const char *text, long *ret_integer);

/* Go's durations: "1m30s", "1.5h", "500ms", "0"; not negative. In seconds. */
int web_value_parse_duration(const char *text, double *ret_seconds);

/* A bcrypt hash. Sets ret_cost if it is valid. */
const char *web_value_check_hash(const char *hash, unsigned *ret_cost);

/* The user name of HTTP's basic authentication. */
const char *web_value_check_user(const char *name);

#define HEADER_VALUE_MAX 4096

/* A header's value: one line of printable ASCII. */
const char *web_value_check_header(const char *value);

/* A path of auth_excluded_paths. */
const char *web_value_check_path(const char *path);

#endif
