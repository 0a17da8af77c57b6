// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "exporter/base/json.h"
#include "exporter/base/logfmt.h"
#include "exporter/base/text.h"

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

	logfmt_add(&line, "ts", time);
	logfmt_add(&line, "level", level);
	logfmt_add(&line, "msg", message);
	while ((key = va_arg(pairs, const char *)))
		logfmt_add(&line, key, va_arg(pairs, const char *));
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
