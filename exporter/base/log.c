// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "exporter/base/json.h"
#include "exporter/base/text.h"
#include "exporter/base/utf8.h"

static enum log_level least = LOG_LEVEL_INFO;
static enum log_format style = LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_configure(enum log_level level, enum log_format format)
{
	least = level;
	style = format;
}

static void format_time(char *text, size_t size)
{
	struct timespec now;
	struct tm utc;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

static bool needs_quotes(const char *value)
{
	if (!*value)
		return true;
	for (const char *at = value; *at; at++)
		if (*at == ' ' || *at == '"' || *at == '=' || *at == '\\')
			return true;
	for (; *value; value += utf8_length(value))
		if (text_unprintable(value))
			return true;
	return false;
}

static void add_value(struct text *line, const char *value)
{
	if (!needs_quotes(value)) {
		text_add_string(line, value);
		return;
	}
	text_add_char(line, '"');
	while (*value) {
		const size_t unprintable = text_unprintable(value);
		const size_t length = unprintable ? unprintable : utf8_length(value);
		char escaped[8];

		if (*value == '"' || *value == '\\')
			text_add_char(line, '\\');
		for (size_t i = 0; i < unprintable; i++) {
			snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned char)value[i]);
			text_add_string(line, escaped);
		}
		if (!unprintable)
			text_add(line, value, length);
		value += length;
	}
	text_add_char(line, '"');
}

static void add_pair(struct text *line, const char *key, const char *value)
{
	if (line->length)
		text_add_char(line, ' ');
	text_add_string(line, key);
	text_add_char(line, '=');
	add_value(line, value);
}

static void write_line(struct text *line)
{
	text_add_char(line, '\n');
	/* If standard error cannot be written, there is no other place to report it. */
	if (!line->error && write(STDERR_FILENO, line->data, line->length) < 0)
		return;
}

static void write_logfmt(const char *time, const char *level, const char *message, va_list pairs)
{
	struct text line = {0};
	const char *key;

	add_pair(&line, "ts", time);
	add_pair(&line, "level", level);
	add_pair(&line, "msg", message);
	while ((key = va_arg(pairs, const char *)))
		add_pair(&line, key, va_arg(pairs, const char *));
	write_line(&line);
	free(line.data);
}

static void write_json(const char *time, const char *level, const char *message, va_list pairs)
{
	struct text line = {0};
	struct json *object = json_new_object();
	const char *key;

	json_add_string(object, "ts", time);
	json_add_string(object, "level", level);
	json_add_string(object, "msg", message);
	while ((key = va_arg(pairs, const char *)))
		json_add_string(object, key, va_arg(pairs, const char *));

	char *text = json_print(object);

	if (text) {
		text_add_string(&line, text);
		write_line(&line);
	}
	free(text);
	free(line.data);
	json_free(object);
}

void log_line(enum log_level level, const char *message, ...)
{
	char time[48];
	va_list pairs;

	if (level < least)
		return;
	format_time(time, sizeof(time));
	va_start(pairs, message);
	if (style == LOG_FORMAT_JSON)
		write_json(time, level_names[level], message, pairs);
	else
		write_logfmt(time, level_names[level], message, pairs);
	va_end(pairs);
}
