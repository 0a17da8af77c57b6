// SPDX-License-Identifier: Apache-2.0
#include "exporter/text.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/utf8.h"

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

/* As Go prints a float, with .0 where nothing else tells that it is one. */
void text_add_bound(struct text *text, double bound)
{
	char digits[32];
	int places = 0; /* as few as read back exactly */

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

void text_make_printable(char *string)
{
	while (*string) {
		const unsigned char *bytes = (const unsigned char *)string;
		const size_t length = utf8_length(string);
		/* U+0080 to U+009F are control characters as well. */
		const bool control =
		    bytes[0] < ' ' || bytes[0] == 0x7f || (bytes[0] == 0xc2 && bytes[1] <= 0x9f);

		if (length && !control) {
			string += length;
			continue;
		}
		memset(string, '?', length ? length : 1);
		string += length ? length : 1;
	}
}
