// SPDX-License-Identifier: Apache-2.0
/* The value of an Authorization header. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/basic_auth.h"
#include "fuzz.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Appends the base64 of up to three bytes; returns where it ends. */
static char *append(char *at, const unsigned char *bytes, size_t length)
{
	const uint32_t bits = (uint32_t)bytes[0] << 16 |
			      (uint32_t)(length > 1 ? bytes[1] : 0) << 8 |
			      (length > 2 ? bytes[2] : 0);

	*at++ = digits[bits >> 18];
	*at++ = digits[(bits >> 12) & 63];
	*at++ = length > 1 ? digits[(bits >> 6) & 63] : '=';
	*at++ = length > 2 ? digits[bits & 63] : '=';
	return at;
}

/* What was read has one spelling: the one that the header ends with, except for blanks. */
static void check_spelling(const struct basic_auth *auth, const char *value, size_t size)
{
	const size_t length = strlen(auth->name) + 1 + strlen(auth->password);
	char *joined = malloc(length + 1);
	char *text = malloc((length + 2) / 3 * 4);
	char *end = text;

	FUZZ_CHECK(joined && text);
	memcpy(joined, auth->name, strlen(auth->name));
	joined[strlen(auth->name)] = ':';
	memcpy(joined + strlen(auth->name) + 1, auth->password, strlen(auth->password) + 1);
	for (size_t i = 0; i < length; i += 3)
		end = append(end, (unsigned char *)joined + i, length - i < 3 ? length - i : 3);
	while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
		size--;
	FUZZ_CHECK(size > (size_t)(end - text));
	FUZZ_CHECK(memcmp(value + size - (end - text), text, (size_t)(end - text)) == 0);
	FUZZ_CHECK(value[size - (size_t)(end - text) - 1] == ' ');
	free(text);
	free(joined);
}

static void check_string(const char *string)
{
	for (; *string; string++)
		FUZZ_CHECK((unsigned char)*string >= 0x20 && *string != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = fuzz_bytes(data, size);
	struct basic_auth auth;
	const int result = basic_auth_read(value, size, &auth);

	FUZZ_CHECK(result == 0 || result == -EINVAL);
	if (result == 0) {
		FUZZ_CHECK(!strchr(auth.name, ':'));
		FUZZ_CHECK(strlen(auth.name) + strlen(auth.password) + 2 <= auth.size);
		check_string(auth.name);
		check_string(auth.password);
		check_spelling(&auth, value, size);
		basic_auth_release(&auth);
	}
	free(value);
	return 0;
}
