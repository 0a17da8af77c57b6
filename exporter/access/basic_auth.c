// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/basic_auth.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exporter/base/secret.h"

#define SCHEME "Basic"
#define SCHEME_LENGTH (sizeof(SCHEME) - 1)

struct span {
	const char *at;
	size_t length;
};

static bool is_blank(char character)
{
	return character == ' ' || character == '\t';
}

static struct span trim(struct span span)
{
	while (span.length && is_blank(span.at[0])) {
		span.at++;
		span.length--;
	}
	while (span.length && is_blank(span.at[span.length - 1]))
		span.length--;
	return span;
}

/* What follows the scheme; of length 0 if the scheme is another. */
static struct span skip_scheme(struct span value)
{
	struct span rest = {value.at, 0};

	value = trim(value);
	if (value.length <= SCHEME_LENGTH || strncasecmp(value.at, SCHEME, SCHEME_LENGTH) != 0 ||
	    value.at[SCHEME_LENGTH] != ' ')
		return rest;
	rest.at = value.at + SCHEME_LENGTH;
	rest.length = value.length - SCHEME_LENGTH;
	while (rest.length && rest.at[0] == ' ') {
		rest.at++;
		rest.length--;
	}
	return rest;
}

/* The six bits of a digit of base64, or -1. */
static int bits_of(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* The text without its padding; of length 0 if the padding is wrong, or there is nothing. */
static struct span strip_padding(struct span text)
{
	const size_t whole = text.length;

	while (text.length && whole - text.length < 2 && text.at[text.length - 1] == '=')
		text.length--;
	if (whole % 4 != 0)
		text.length = 0;
	return text;
}

/*
 * Decodes into bytes, of 3/4 of the text's length. Refuses bits behind the last byte: each value
 * has only one spelling. Returns how many bytes there are, or -EINVAL.
 */
static int decode(struct span text, char *bytes)
{
	const struct span digits = strip_padding(text);
	uint32_t bits = 0;
	unsigned pending = 0;
	int length = 0;

	if (digits.length == 0)
		return -EINVAL;
	for (size_t i = 0; i < digits.length; i++) {
		const int six = bits_of(digits.at[i]);

		if (six < 0)
			return -EINVAL;
		bits = (bits << 6) | (uint32_t)six;
		pending += 6;
		if (pending >= 8) {
			pending -= 8;
			bytes[length++] = (char)(bits >> pending);
			bits &= (1U << pending) - 1;
		}
	}
	return bits == 0 ? length : -EINVAL;
}

/* RFC 7617 forbids those of ASCII. */
static bool has_controls(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
			return true;
	return false;
}

/* Sets name and password, which bytes become. Returns 0 or -EINVAL. */
static int split(char *bytes, size_t length, struct basic_auth *auth)
{
	char *colon = memchr(bytes, ':', length);

	if (!colon || has_controls(bytes, length))
		return -EINVAL;
	bytes[length] = '\0';
	*colon = '\0';
	auth->name = bytes;
	auth->password = colon + 1;
	return 0;
}

int basic_auth_read(const char *value, size_t length, struct basic_auth *ret_auth)
{
	const struct span text = skip_scheme((struct span){value, length});
	const size_t size = text.length / 4 * 3 + 1;
	char *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;

	const int decoded = decode(text, bytes);

	if (decoded < 0 || split(bytes, (size_t)decoded, ret_auth) < 0) {
		secret_free(bytes, size);
		return -EINVAL;
	}
	ret_auth->size = size;
	return 0;
}

void basic_auth_release(struct basic_auth *auth)
{
	secret_free(auth->name, auth->size);
	*auth = (struct basic_auth){0};
}
