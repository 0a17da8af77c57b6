// SPDX-License-Identifier: Apache-2.0
#include "exporter/json.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>

#include "exporter/utf8.h"

struct json {
	cJSON *node;
	bool failed;
};

struct json *json_new_object(void)
{
	struct json *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->node = cJSON_CreateObject();
	object->failed = !object->node;
	return object;
}

void json_free(struct json *object)
{
	if (!object)
		return;
	cJSON_Delete(object->node);
	free(object);
}

void json_add_string(struct json *object, const char *key, const char *value)
{
	if (!object)
		return;

	char *valid = utf8_make_valid(value);

	if (!valid || !cJSON_AddStringToObject(object->node, key, valid))
		object->failed = true;
	free(valid);
}

char *json_print(const struct json *object)
{
	return !object || object->failed ? NULL : cJSON_PrintUnformatted(object->node);
}
