// SPDX-License-Identifier: Apache-2.0
/* What peers and users send, made fit for a terminal, for UTF-8 and for JSON. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/json.h"
#include "exporter/base/text.h"
#include "exporter/base/utf8.h"
#include "fuzz.h"

static void check_json(const char *string, const char *valid)
{
	struct json *root = json_new_object();

	json_add_string(root, "text", string);

	char *printed = json_print(root);

	json_free(root);
	FUZZ_CHECK(printed && fuzz_is_printable(printed));

	cJSON *parsed = cJSON_Parse(printed);
	const char *read = cJSON_GetStringValue(cJSON_GetObjectItem(parsed, "text"));

	FUZZ_CHECK(read && strcmp(read, valid) == 0);
	cJSON_Delete(parsed);
	free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *string = fuzz_string(data, size);
	char *valid = utf8_make_valid(string);

	FUZZ_CHECK(valid && fuzz_is_utf8(valid));
	FUZZ_CHECK((strcmp(valid, string) == 0) == fuzz_is_utf8(string));
	check_json(string, valid);

	const size_t length = strlen(string);
	const bool printable = fuzz_is_printable(string);
	char *before = fuzz_string(data, size);

	text_make_printable(string);
	FUZZ_CHECK(strlen(string) == length && fuzz_is_printable(string));
	FUZZ_CHECK(printable == (strcmp(string, before) == 0));
	free(before);
	free(valid);
	free(string);
	return 0;
}
