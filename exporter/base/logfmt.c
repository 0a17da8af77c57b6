// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/logfmt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "exporter/base/text.h"
#include "exporter/base/utf8.h"

static bool needs_quotes(const char *value)
{
	if (!*value || strpbrk(value, " \"=\\"))
		return true;
	for (; *value; value += utf8_length(value))
		if (text_unprintable(value))
			return true;
	return false;
}

/* length: of the character, in bytes; 0: it is a byte that is not valid. */
static void add_escaped(struct text *line, const char *character, size_t length)
{
	static const char plain[] = "\n\r\t";
	static const char letters[] = "nrt";
	const char *found = strchr(plain, *character);
	char escaped[8];

	if (found)
		snprintf(escaped, sizeof(escaped), "\\%c", letters[found - plain]);
	else
		snprintf(escaped, sizeof(escaped), "\\u%04x",
		    length ? utf8_code_point(character, length) : 0xfffd);
	text_add_string(line, escaped);
}

static void add_quoted(struct text *line, const char *value)
{
	text_add_char(line, '"');
	while (*value) {
		const size_t length = utf8_length(value);

		if (text_unprintable(value)) {
			add_escaped(line, value, length);
		} else {
			if (*value == '"' || *value == '\\')
				text_add_char(line, '\\');
			text_add(line, value, length);
		}
		value += length ? length : 1;
	}
	text_add_char(line, '"');
}

static void add_key(struct text *line, const char *key)
{
	if (!*key)
		text_add_char(line, '_');
	while (*key) {
		const size_t length = utf8_length(key);

		if (text_unprintable(key) || strchr(" =\"\\", *key))
			text_add_char(line, '_');
		else
			text_add(line, key, length);
		key += length ? length : 1;
	}
}

void logfmt_add(struct text *line, const char *key, const char *value)
{
	if (line->length)
		text_add_char(line, ' ');
	add_key(line, key);
	text_add_char(line, '=');
	if (needs_quotes(value))
		add_quoted(line, value);
	else
		text_add_string(line, value);
}
