/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_JSON_H
#define EPHEMERA_JSON_H

/*
 * JSON, written through cJSON; the only file that includes it is json.c.
 *
 *	struct json *root = json_new_object();
 *	struct json *list = json_add_array(root, "ports");
 *
 *	json_add_number(json_append_object(list), "port", 60416);
 *	char *text = json_print(root);
 *	json_free(root);
 *
 * Every call takes NULL for its node, so that only json_print() need be checked: it is NULL
 * where memory ran out anywhere. Nodes inside a root are the root's and end with it.
 */

#include <stdbool.h>

struct json;

struct json *json_new_object(void); /* a root; the caller frees it */
void json_free(struct json *root);

struct json *json_add_object(struct json *object, const char *key);
struct json *json_add_array(struct json *object, const char *key);
struct json *json_append_object(struct json *array);

/* Copies value, which is made valid UTF-8 first: what is not becomes U+FFFD. */
void json_add_string(struct json *object, const char *key, const char *value);
void json_add_number(struct json *object, const char *key, double value);
void json_add_bool(struct json *object, const char *key, bool value);
void json_append_number(struct json *array, double value);

/* Notes that something of it is missing, so that json_print() gives nothing. */
void json_fail(struct json *node);

/*
 * The root on one line, with \u and digits for what must not reach a terminal (text_unprintable()):
 * a reader of JSON gets the same string. The caller frees it.
 */
char *json_print(const struct json *root);

#endif
