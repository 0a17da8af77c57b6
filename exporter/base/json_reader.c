// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/json_reader.h"

#include <cjson/cJSON.h>

/* struct json_value is cJSON under another name, so that nobody else has to know cJSON. */
static const cJSON *find(const struct json_value *object, const char *key)
{
	const cJSON *node = (const cJSON *)object;

	return cJSON_IsObject(node) ? cJSON_GetObjectItemCaseSensitive(node, key) : NULL;
}

struct json_value *json_parse(const char *text)
{
	return (struct json_value *)cJSON_ParseWithOpts(text, NULL, 1);
}

void json_value_free(struct json_value *value)
{
	cJSON_Delete((cJSON *)value);
}

const struct json_value *json_get_object(const struct json_value *object, const char *key)
{
	const cJSON *found = find(object, key);

	return cJSON_IsObject(found) ? (const struct json_value *)found : NULL;
}

const char *json_get_string(const struct json_value *object, const char *key)
{
	return cJSON_GetStringValue(find(object, key));
}

bool json_get_whole(const struct json_value *object, const char *key, unsigned long maximum,
    unsigned long *ret_number)
{
	const cJSON *found = find(object, key);
	const double number = cJSON_IsNumber(found) ? found->valuedouble : -1;

	if (!(number >= 0 && number <= (double)maximum) || number != (double)(unsigned long)number)
		return false;
	*ret_number = (unsigned long)number;
	return true;
}

bool json_get_bool(const struct json_value *object, const char *key)
{
	return cJSON_IsTrue(find(object, key));
}
