// SPDX-License-Identifier: Apache-2.0
/* A log line: the first line of the input is a key, the rest its value. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/logfmt.h"
#include "exporter/base/text.h"
#include "exporter/base/utf8.h"
#include "fuzz.h"

/* What a reader of logfmt makes of a value: up to a blank, or a string of JSON. */
static char *read_value(const char *value)
{
	if (*value != '"') {
		FUZZ_CHECK(*value && strcspn(value, " \"=\\") == strlen(value));
		return strdup(value);
	}

	const char *end = NULL;
	cJSON *parsed = cJSON_ParseWithOpts(value, &end, true);

	FUZZ_CHECK(cJSON_IsString(parsed) && !*end);

	char *read = strdup(cJSON_GetStringValue(parsed));

	cJSON_Delete(parsed);
	return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *string = fuzz_string(data, size);
	const char *rest = string;
	char *key = fuzz_take(&rest, '\n');
	const char *value = rest ? rest : "";
	char *valid = utf8_make_valid(value);
	struct text line = {0};

	logfmt_add(&line, key, value);
	text_add_char(&line, '\0');
	FUZZ_CHECK(line.error == 0 && valid);
	FUZZ_CHECK(strlen(line.data) + 1 == line.length && fuzz_is_printable(line.data));

	const size_t key_length = strcspn(line.data, " =\"\\");

	FUZZ_CHECK(key_length > 0 && line.data[key_length] == '=');

	char *read = read_value(line.data + key_length + 1);

	FUZZ_CHECK(read && strcmp(read, valid) == 0);
	free(read);
	free(valid);
	free(key);
	free(line.data);
	free(string);
	return 0;
}
