// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIGITS_MAX 9
#define FIRST_YEAR 1970
#define LAST_YEAR 2199

/* A time as it was written. */
struct written {
	struct tm tm;
	bool has_zone;
	long offset; /* seconds east of UTC */
	int64_t fraction;
	int64_t length;
};

/* Reads just so many digits; NULL: they are not there, or out of bounds. */
static const char *read_digits(const char *text, int digits, int minimum, int maximum, int *ret)
{
	int number = 0;

	for (int i = 0; i < digits; i++, text++) {
		if (*text < '0' || *text > '9')
			return NULL;
		number = number * 10 + (*text - '0');
	}
	if (number < minimum || number > maximum)
		return NULL;
	*ret = number;
	return text;
}

static const char *read_sign(const char *text, const char *signs)
{
	return text && *text && strchr(signs, *text) ? text + 1 : NULL;
}

static const char *read_date(const char *text, struct tm *tm)
{
	int year = 0;
	int month = 0;

	text = read_digits(text, 4, FIRST_YEAR, LAST_YEAR, &year);
	text = read_sign(text, "-");
	text = text ? read_digits(text, 2, 1, 12, &month) : NULL;
	text = read_sign(text, "-");
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return text ? read_digits(text, 2, 1, 31, &tm->tm_mday) : NULL;
}

static const char *read_fraction(const char *text, struct written *written)
{
	int digits = 0;

	written->length = MOMENT_SECOND;
	for (; digits < DIGITS_MAX && *text >= '0' && *text <= '9'; digits++, text++) {
		written->length /= 10;
		written->fraction += written->length * (*text - '0');
	}
	return digits ? text : NULL;
}

static const char *read_time(const char *text, struct written *written)
{
	text = read_digits(text, 2, 0, 23, &written->tm.tm_hour);
	text = read_sign(text, ":");
	text = text ? read_digits(text, 2, 0, 59, &written->tm.tm_min) : NULL;
	written->length = 60 * MOMENT_SECOND;
	if (!text || *text != ':')
		return text;
	text = read_digits(text + 1, 2, 0, 59, &written->tm.tm_sec);
	written->length = MOMENT_SECOND;
	return text && *text == '.' ? read_fraction(text + 1, written) : text;
}

static const char *read_zone(const char *text, struct written *written)
{
	const bool is_west = *text == '-';
	int hours = 0;
	int minutes = 0;

	written->has_zone = *text != '\0';
	if (*text == 'Z' || *text == 'z')
		return text + 1;
	if (*text == '\0')
		return text;
	text = read_sign(text, "+-");
	text = text ? read_digits(text, 2, 0, 23, &hours) : NULL;
	if (text && *text == ':')
		text++;
	text = text ? read_digits(text, 2, 0, 59, &minutes) : NULL;
	written->offset = (hours * 60L + minutes) * (is_west ? -60 : 60);
	return text;
}

/* False: there is no such day. */
static bool finish(struct written *written, struct moment_span *ret_span)
{
	struct tm tm = written->tm;
	time_t seconds;

	tm.tm_isdst = -1;
	seconds = written->has_zone ? timegm(&tm) : mktime(&tm);
	seconds -= written->offset;
	if (tm.tm_mday != written->tm.tm_mday || seconds < 0)
		return false;
	ret_span->from = (int64_t)seconds * MOMENT_SECOND + written->fraction;
	ret_span->until = ret_span->from + written->length;
	return true;
}

bool moment_parse(const char *text, struct moment_span *ret_span)
{
	struct written written = {.length = 0};

	text = read_date(text, &written.tm);
	text = read_sign(text, "Tt ");
	text = text ? read_time(text, &written) : NULL;
	text = text ? read_zone(text, &written) : NULL;
	return text && *text == '\0' && finish(&written, ret_span);
}

/* The time of day on the day that began so many days before now's. */
static bool on_day(
    const struct written *written, int64_t now, int days, struct moment_span *ret_span)
{
	const time_t seconds = (time_t)(now / MOMENT_SECOND);
	struct written day = *written;
	struct tm today;

	localtime_r(&seconds, &today);
	/* Noon: no clock change moves it to another day. */
	today.tm_mday -= days;
	today.tm_hour = 12;
	today.tm_isdst = -1;
	(void)mktime(&today);
	day.tm.tm_year = today.tm_year;
	day.tm.tm_mon = today.tm_mon;
	day.tm.tm_mday = today.tm_mday;
	return finish(&day, ret_span);
}

bool moment_parse_past(const char *text, int64_t now, struct moment_span *ret_span)
{
	struct written written = {.length = 0};
	const char *end;

	if (moment_parse(text, ret_span))
		return true;
	end = read_time(text, &written);
	if (!end || *end != '\0' || !on_day(&written, now, 0, ret_span))
		return false;
	return ret_span->from <= now || on_day(&written, now, 1, ret_span);
}

void moment_format(int64_t moment, char text[static MOMENT_TEXT])
{
	const time_t seconds = (time_t)(moment / MOMENT_SECOND);
	struct tm tm;
	size_t length;

	length = strftime(text, MOMENT_TEXT, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(text + length, MOMENT_TEXT - length, ".%06uZ",
	    (unsigned)(moment % MOMENT_SECOND / 1000));
}

void moment_format_local(int64_t moment, int64_t day, char text[static MOMENT_TEXT])
{
	const time_t seconds = (time_t)(moment / MOMENT_SECOND);
	const time_t day_seconds = (time_t)(day / MOMENT_SECOND);
	struct tm tm;
	struct tm day_tm;
	size_t length;

	localtime_r(&seconds, &tm);
	localtime_r(&day_seconds, &day_tm);
	length = strftime(text, MOMENT_TEXT,
	    tm.tm_year == day_tm.tm_year && tm.tm_yday == day_tm.tm_yday ? "%H:%M:%S"
									 : "%Y-%m-%d %H:%M:%S",
	    &tm);
	snprintf(text + length, MOMENT_TEXT - length, ".%03u",
	    (unsigned)(moment % MOMENT_SECOND / 1000000));
}

int64_t moment_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * MOMENT_SECOND + now.tv_nsec;
}
