/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_JSON_H
#define EPHEMERA_JSON_H

/*
 * JSON, written through cJSON; the only file that includes it is json.c. Memory that runs
 * out makes the object NULL or incomplete and json_print() return NULL: check there, once.
 */

struct json;

/* Returns an empty object or NULL; the caller frees it. Every call takes a NULL object. */
struct json *json_new_object(void);
void json_free(struct json *object);

/* Copies value, which is made valid UTF-8 first: what is not becomes U+FFFD. */
void json_add_string(struct json *object, const char *key, const char *value);

/* The object on one line; the caller frees it. NULL where memory was out. */
char *json_print(const struct json *object);

#endif
