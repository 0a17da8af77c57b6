/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_JSON_H
#define EPHEMERA_JSON_H

/*
 * JSON, written through cJSON; only json.c and json_reader.c include it.
 *
 *	struct json *root = json_new_object();
 *	struct json *list = json_add_array(root, "ports");
 *
 *	json_add_number(json_append_object(list), "port", 60416);
 *	char *text = json_print(root);
 *	json_free(root);
 *
 * Every call accepts NULL as its node. So check only json_print(): it returns NULL if memory ran
 * out anywhere. The root owns the nodes inside it, and frees them.
 */

#include <stdbool.h>

struct json;

struct json *json_new_object(void); /* a root; the caller frees it */
void json_free(struct json *root);

struct json *json_add_object(struct json *object, const char *key);
struct json *json_add_array(struct json *object, const char *key);
struct json *json_append_object(struct json *array);

/* Copies value. Bytes that are not valid UTF-8 become U+FFFD. */
void json_add_string(struct json *object, const char *key, const char *value);
void json_add_number(struct json *object, const char *key, double value);
void json_add_bool(struct json *object, const char *key, bool value);
void json_append_number(struct json *array, double value);

/* Adds another root, which must outlive object and still belongs to its owner. */
void json_add_root(struct json *object, const char *key, const struct json *other);

/* Marks the tree as incomplete: json_print() then returns NULL. */
void json_fail(struct json *node);

/*
 * The root on one line. What must not reach a terminal (text_unprintable()) is written as \u and
 * digits: a JSON parser reads the same string. The caller frees it.
 */
char *json_print(const struct json *root);

#endif
