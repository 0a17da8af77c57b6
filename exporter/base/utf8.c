// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct form {
	unsigned char first_low, first_high;   /* the first byte */
	unsigned char second_low, second_high; /* the second; the others are 80 to bf */
	size_t length;
};

/* RFC 3629, section 4. */
static const struct form forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1},
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static size_t match(const struct form *form, const unsigned char *bytes)
{
	if (bytes[0] < form->first_low || bytes[0] > form->first_high)
		return 0;
	if (form->length == 1)
		return 1;
	if (bytes[1] < form->second_low || bytes[1] > form->second_high)
		return 0;
	for (size_t i = 2; i < form->length; i++)
		if (bytes[i] < 0x80 || bytes[i] > 0xbf)
			return 0;
	return form->length;
}

size_t utf8_length(const char *string)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const size_t length = match(&forms[i], (const unsigned char *)string);

		if (length)
			return length;
	}
	return 0;
}

unsigned utf8_code_point(const char *character, size_t length)
{
	static const unsigned char marks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	unsigned point = (unsigned char)character[0] & marks[length];

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)character[i] & 0x3f);
	return point;
}

char *utf8_make_valid(const char *string)
{
	char *valid = malloc(strlen(string) * strlen(UTF8_REPLACEMENT) + 1);
	char *end = valid;

	if (!valid)
		return NULL;
	while (*string) {
		const size_t length = utf8_length(string);
		const char *from = length ? string : UTF8_REPLACEMENT;
		const size_t size = length ? length : strlen(UTF8_REPLACEMENT);

		memcpy(end, from, size);
		end += size;
		string += length ? length : 1;
	}
	*end = '\0';
	return valid;
}
