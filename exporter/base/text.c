// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/utf8.h"

void text_add(struct text *text, const char *bytes, size_t length)
{
	if (text->error)
		return;
	if (text->capacity - text->length < length) {
		size_t larger = text->capacity ? text->capacity : 4096;

		while (larger - text->length < length)
			larger *= 2;

		char *moved = realloc(text->data, larger);

		if (!moved) {
			text->error = -ENOMEM;
			return;
		}
		text->data = moved;
		text->capacity = larger;
	}
	if (length)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_char(struct text *text, char c)
{
	text_add(text, &c, 1);
}

void text_add_printable(struct text *text, const char *foreign)
{
	char *copy = strdup(foreign);

	if (!copy) {
		text->error = -ENOMEM;
		return;
	}
	text_make_printable(copy);
	text_add_string(text, copy);
	free(copy);
}

void text_add_number(struct text *text, double number)
{
	char digits[32];

	if (isnan(number)) {
		text_add_string(text, "NaN");
		return;
	}
	if (isinf(number)) {
		text_add_string(text, number > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (number == floor(number) && fabs(number) < 1e15) {
		snprintf(digits, sizeof(digits), "%.0f", number);
		text_add_string(text, digits);
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, number);
		if (strtod(digits, NULL) == number)
			break;
	}
	text_add_string(text, digits);
}

/* As Go prints a float, with .0 if it would otherwise look like a whole number. */
void text_add_bound(struct text *text, double bound)
{
	char digits[32];
	int places = 0; /* the fewest that read back exactly */

	if (isinf(bound)) {
		text_add_string(text, "+Inf");
		return;
	}
	for (; places < 16; places++) {
		snprintf(digits, sizeof(digits), "%.*e", places, bound);
		if (strtod(digits, NULL) == bound)
			break;
	}
	snprintf(digits, sizeof(digits), "%.*e", places, bound);

	const int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);

	if (exponent >= -4 && exponent < 6)
		snprintf(digits, sizeof(digits), "%.*f",
		    places - exponent > 1 ? places - exponent : 1, bound);
	text_add_string(text, digits);
}

/*
 * Controls that reorder the text around them (Unicode's UAX #9: Arabic letter mark, directional
 * marks, embeddings, overrides, isolates), break a line or are invisible.
 */
static const struct {
	char first[4];
	char last[4];
} misleading[] = {
    {"\xd8\x9c", "\xd8\x9c"},	      /* U+061C */
    {"\xe2\x80\x8e", "\xe2\x80\x8f"}, /* U+200E, U+200F */
    {"\xe2\x80\xa8", "\xe2\x80\xae"}, /* U+2028 to U+202E */
    {"\xe2\x81\xa6", "\xe2\x81\xa9"}, /* U+2066 to U+2069 */
    {"\xef\xbb\xbf", "\xef\xbb\xbf"}, /* U+FEFF */
};

static bool is_misleading(const char *character, size_t length)
{
	/* Characters of one length are in the order of their bytes. */
	for (size_t i = 0; i < sizeof(misleading) / sizeof(misleading[0]); i++)
		if (strlen(misleading[i].first) == length &&
		    memcmp(character, misleading[i].first, length) >= 0 &&
		    memcmp(character, misleading[i].last, length) <= 0)
			return true;
	return false;
}

size_t text_unprintable(const char *string)
{
	const unsigned char *bytes = (const unsigned char *)string;
	const size_t length = utf8_length(string);

	if (!*string)
		return 0;
	if (length == 0)
		return 1;
	if (bytes[0] < ' ' || bytes[0] == 0x7f)
		return length;
	/* U+0080 to U+009F are control characters as well. */
	if (bytes[0] == 0xc2 && bytes[1] <= 0x9f)
		return length;
	return is_misleading(string, length) ? length : 0;
}

void text_make_printable(char *string)
{
	while (*string) {
		const size_t unprintable = text_unprintable(string);

		memset(string, '?', unprintable);
		string += unprintable ? unprintable : utf8_length(string);
	}
}
