/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_JSON_READER_H
#define EPHEMERA_JSON_READER_H

/*
 * Reads JSON, through cJSON. Every call accepts NULL as its object, and answers that nothing is
 * there. If a key is there twice, the first one counts.
 */

#include <stdbool.h>

struct json_value;

/* The one value that text is; NULL: it is not JSON, or memory ran out. */
struct json_value *json_parse(const char *text);
void json_value_free(struct json_value *value); /* NULL is fine */

/* NULL: there is no such member, or it is no object. */
const struct json_value *json_get_object(const struct json_value *object, const char *key);

/* NULL: there is no such member, or it is no string. Lives as long as the parsed value. */
const char *json_get_string(const struct json_value *object, const char *key);

/*
 * Whether there is a member that is a whole number from 0 to maximum, which is 2^53 at the most; if
 * not, leaves ret_number.
 */
bool json_get_whole(const struct json_value *object, const char *key, unsigned long maximum,
    unsigned long *ret_number);

/* False also if there is no such member. */
bool json_get_bool(const struct json_value *object, const char *key);

#endif
