// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/number.h"
#include "exporter/base/text.h"
#include "exporter/base/utf8.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define STRING_(token) #token
#define STRING(token) STRING_(token)

/* The characters of bcrypt's base 64. */
#define BCRYPT_DIGITS "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BCRYPT_LENGTH 53 /* of 16 bytes of salt and 23 of hash */

int web_value_parse_bool(const char *text, bool *ret_bool)
{
	static const char *const words[][11] = {
	    {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"},
	    {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"},
	};

	for (size_t truth = 0; truth < LENGTH(words); truth++) {
		for (size_t i = 0; i < LENGTH(words[0]); i++) {
			if (strcmp(words[truth][i], text) == 0) {
				*ret_bool = truth == 1;
				return 0;
			}
		}
	}
	return -EINVAL;
}

int web_value_parse_integer(const char *text, long *ret_integer)
{
	static const char all[] = "0123456789abcdef";
	char digits[72];
	size_t length = 0;
	int base = 10;
	const bool negative = *text == '-';

	if (*text == '-' || *text == '+')
		text++;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		base = 16;
	else if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B'))
		base = 2;
	else if (text[0] == '0' && text[1])
		base = 8;
	if (base == 16 || base == 2 || (base == 8 && (text[1] == 'o' || text[1] == 'O')))
		text += 2;
	digits[length++] = negative ? '-' : '+';
	for (; *text; text++) {
		const int lower = *text >= 'A' && *text <= 'F' ? *text + 'a' - 'A' : *text;

		if (*text == '_')
			continue;
		if (!memchr(all, lower, (size_t)base) || length == sizeof(digits) - 1)
			return -EINVAL;
		digits[length++] = (char)lower;
	}
	digits[length] = '\0';
	errno = 0;

	const long integer = strtol(digits, NULL, base);

	if (length == 1 || errno)
		return -EINVAL;
	*ret_integer = integer;
	return 0;
}

struct unit {
	const char *name;
	double seconds;
};

/* "ms" must come before "m". */
static const struct unit units[] = {
    {"ns", 1e-9},
    {"us", 1e-6},
    {"\xc2\xb5s", 1e-6}, /* the micro sign, and the Greek letter */
    {"\xce\xbcs", 1e-6},
    {"ms", 1e-3},
    {"s", 1},
    {"m", 60},
    {"h", 3600},
};

static const struct unit *find_unit(const char *text)
{
	for (size_t i = 0; i < LENGTH(units); i++)
		if (strncmp(units[i].name, text, strlen(units[i].name)) == 0)
			return &units[i];
	return NULL;
}

/* Reads digits, maybe with a point among them. Moves *text to behind them. */
static int parse_decimal(const char **text, double *ret_number)
{
	double number = 0;
	double scale = 1;
	bool behind = false;
	bool any = false;

	for (; (**text >= '0' && **text <= '9') || (**text == '.' && !behind); (*text)++) {
		if (**text == '.') {
			behind = true;
			continue;
		}
		any = true;
		if (behind)
			scale /= 10;
		number = behind ? number + (**text - '0') * scale : number * 10 + (**text - '0');
	}
	if (!any)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int web_value_parse_duration(const char *text, double *ret_seconds)
{
	const double longest = 9223372036; /* Go counts nanoseconds in 63 bits */
	double seconds = 0;

	if (*text == '+')
		text++;
	if (strcmp(text, "0") == 0) {
		*ret_seconds = 0;
		return 0;
	}
	do {
		double number;

		if (parse_decimal(&text, &number) < 0)
			return -EINVAL;

		const struct unit *unit = find_unit(text);

		if (!unit)
			return -EINVAL;
		text += strlen(unit->name);
		seconds += number * unit->seconds;
		if (!(seconds <= longest))
			return -EINVAL;
	} while (*text);
	*ret_seconds = seconds < 1e-9 ? 0 : seconds;
	return 0;
}

const char *web_value_check_hash(const char *hash, unsigned *ret_cost)
{
	if (strncmp(hash, "$2a$", 4) != 0 && strncmp(hash, "$2b$", 4) != 0 &&
	    strncmp(hash, "$2y$", 4) != 0)
		return "not a bcrypt hash: it must begin with $2a$, $2b$ or $2y$";

	unsigned long cost;
	const char *end = number_read(hash + 4, 99, &cost);

	if (end != hash + 6 || *end != '$' || strspn(end + 1, BCRYPT_DIGITS) != BCRYPT_LENGTH ||
	    end[1 + BCRYPT_LENGTH])
		return "not a whole bcrypt hash: after the cost, two digits and $, it must "
		       "have " STRING(BCRYPT_LENGTH) " of ./A-Za-z0-9";
	*ret_cost = (unsigned)cost;
	return NULL;
}

static bool is_printable(const char *text)
{
	while (*text) {
		if (text_unprintable(text))
			return false;
		text += utf8_length(text);
	}
	return true;
}

const char *web_value_check_user(const char *name)
{
	if (!*name)
		return "a user's name must not be empty";
	if (strchr(name, ':'))
		return "a user's name must not contain a colon";
	if (!is_printable(name))
		return "a user's name must not contain a control character";
	return NULL;
}

const char *web_value_check_header(const char *value)
{
	if (strlen(value) > HEADER_VALUE_MAX)
		return "must have at most " STRING(HEADER_VALUE_MAX) " characters";
	for (; *value; value++)
		if (*value < ' ' || *value > '~')
			return "must be one line of printable ASCII";
	return NULL;
}

const char *web_value_check_path(const char *path)
{
	if (*path != '/')
		return "must begin with a slash";
	if (!is_printable(path))
		return "must not contain a control character";
	return NULL;
}
