// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/base/text.h"
#include "exporter/base/utf8.h"

/* A root and its nodes are one list: freeing the root frees them all. */
struct json {
	cJSON *node;
	struct json *root;
	struct json *next; /* of a root: its first node; of a node: the next one */
	bool failed;	   /* of a root: something is missing */
};

struct json *json_new_object(void)
{
	struct json *root = calloc(1, sizeof(*root));

	if (!root)
		return NULL;
	root->root = root;
	root->node = cJSON_CreateObject();
	root->failed = !root->node;
	return root;
}

void json_free(struct json *root)
{
	if (!root)
		return;
	cJSON_Delete(root->node);
	while (root) {
		struct json *next = root->next;

		free(root);
		root = next;
	}
}

/* node: what cJSON made inside parent; NULL if it could not. */
static struct json *wrap(struct json *parent, cJSON *node)
{
	struct json *child = node ? calloc(1, sizeof(*child)) : NULL;

	if (!child) {
		parent->root->failed = true;
		return NULL;
	}
	child->node = node;
	child->root = parent->root;
	child->next = parent->root->next;
	parent->root->next = child;
	return child;
}

struct json *json_add_object(struct json *object, const char *key)
{
	return object ? wrap(object, cJSON_AddObjectToObject(object->node, key)) : NULL;
}

struct json *json_add_array(struct json *object, const char *key)
{
	return object ? wrap(object, cJSON_AddArrayToObject(object->node, key)) : NULL;
}

struct json *json_append_object(struct json *array)
{
	if (!array)
		return NULL;

	cJSON *node = cJSON_CreateObject();

	if (node && !cJSON_AddItemToArray(array->node, node)) {
		cJSON_Delete(node);
		node = NULL;
	}
	return wrap(array, node);
}

void json_add_string(struct json *object, const char *key, const char *value)
{
	if (!object)
		return;

	char *valid = utf8_make_valid(value);

	if (!valid || !cJSON_AddStringToObject(object->node, key, valid))
		object->root->failed = true;
	free(valid);
}

void json_add_number(struct json *object, const char *key, double value)
{
	if (object && !cJSON_AddNumberToObject(object->node, key, value))
		object->root->failed = true;
}

void json_add_bool(struct json *object, const char *key, bool value)
{
	if (object && !cJSON_AddBoolToObject(object->node, key, value))
		object->root->failed = true;
}

void json_append_number(struct json *array, double value)
{
	if (!array)
		return;

	cJSON *node = cJSON_CreateNumber(value);

	if (node && cJSON_AddItemToArray(array->node, node))
		return;
	cJSON_Delete(node);
	array->root->failed = true;
}

void json_add_root(struct json *object, const char *key, const struct json *other)
{
	if (!object)
		return;
	if (!other || other->failed ||
	    !cJSON_AddItemReferenceToObject(object->node, key, other->node))
		object->root->failed = true;
}

void json_fail(struct json *node)
{
	if (node)
		node->root->failed = true;
}

/* The code point of a valid character of length bytes, which is below U+10000. */
static unsigned code_point(const char *character, size_t length)
{
	static const unsigned char marks[] = {
	    0, 0x7f, 0x1f, 0x0f}; /* what the first byte has of it */
	unsigned point = (unsigned char)character[0] & marks[length];

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)character[i] & 0x3f);
	return point;
}

/* cJSON escapes only up to U+001F. In JSON such characters are only in strings. */
static void add_escaped(struct text *text, const char *printed)
{
	while (*printed) {
		const size_t unprintable = text_unprintable(printed);
		const size_t length = unprintable ? unprintable : utf8_length(printed);
		char escaped[8];

		if (unprintable) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", code_point(printed, length));
			text_add_string(text, escaped);
		} else {
			text_add(text, printed, length);
		}
		printed += length;
	}
	text_add_char(text, '\0');
}

char *json_print(const struct json *root)
{
	char *printed = !root || root->failed ? NULL : cJSON_PrintUnformatted(root->node);
	struct text text = {0};

	if (!printed)
		return NULL;
	add_escaped(&text, printed);
	free(printed);
	if (text.error) {
		free(text.data);
		return NULL;
	}
	return text.data;
}
