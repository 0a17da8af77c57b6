// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/json_writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exporter/base/moment.h"
#include "exporter/base/utf8.h"

static void begin(struct json_writer *writer, const char *key)
{
	if (!writer->is_first)
		text_add_char(&writer->text, ',');
	writer->is_first = false;
	if (!key)
		return;
	text_add_char(&writer->text, '"');
	text_add_string(&writer->text, key);
	text_add(&writer->text, "\":", 2);
}

void json_writer_open(struct json_writer *writer, const char *key, char bracket)
{
	begin(writer, key);
	text_add_char(&writer->text, bracket);
	writer->is_first = true;
}

void json_writer_close(struct json_writer *writer, char bracket)
{
	text_add_char(&writer->text, bracket);
	writer->is_first = false;
}

/* How many bytes may stand in a string as they are: most strings are whole. */
static size_t count_plain(const char *string)
{
	size_t length = 0;

	while (string[length] >= ' ' && string[length] <= '~' && string[length] != '"' &&
	       string[length] != '\\')
		length++;
	return length;
}

/* Returns what follows the character. */
static const char *add_character(struct text *text, const char *string)
{
	const size_t length = utf8_length(string);
	char escaped[8];

	if (length == 0) {
		text_add_string(text, UTF8_REPLACEMENT);
		return string + 1;
	}
	if (text_unprintable(string)) {
		snprintf(escaped, sizeof(escaped), "\\u%04x", utf8_code_point(string, length));
		text_add_string(text, escaped);
		return string + length;
	}
	if (*string == '"' || *string == '\\')
		text_add_char(text, '\\');
	text_add(text, string, length);
	return string + length;
}

void json_writer_string(struct json_writer *writer, const char *key, const char *value)
{
	begin(writer, key);
	text_add_char(&writer->text, '"');
	while (*value) {
		const size_t plain = count_plain(value);

		text_add(&writer->text, value, plain);
		value += plain;
		if (*value)
			value = add_character(&writer->text, value);
	}
	text_add_char(&writer->text, '"');
}

void json_writer_number(struct json_writer *writer, const char *key, uint64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);

	begin(writer, key);
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text_add(&writer->text, at, (size_t)(digits + sizeof(digits) - at));
}

void json_writer_bool(struct json_writer *writer, const char *key, bool value)
{
	begin(writer, key);
	text_add_string(&writer->text, value ? "true" : "false");
}

void json_writer_moment(struct json_writer *writer, const char *key, int64_t moment)
{
	char text[MOMENT_TEXT];

	moment_format(moment, text);
	json_writer_string(writer, key, text);
}

int json_writer_print(struct json_writer *writer)
{
	int result;

	text_add_char(&writer->text, '\n');
	result = writer->text.error;
	errno = 0;
	if (result == 0 &&
	    fwrite(writer->text.data, 1, writer->text.length, stdout) != writer->text.length)
		result = errno ? -errno : -EIO;
	writer->text.length = 0;
	writer->is_first = true;
	return result;
}
