// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/negotiate.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *start;
	size_t length;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct word trim(struct word word)
{
	while (word.length && is_space(word.start[0])) {
		word.start++;
		word.length--;
	}
	while (word.length && is_space(word.start[word.length - 1]))
		word.length--;
	return word;
}

static bool word_is(struct word word, const char *text)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no text is empty */
	return word.length == strlen(text) && strncasecmp(word.start, text, word.length) == 0;
}

/* Takes the text before the next separator off the rest; false if nothing is left. */
static bool take(struct word *rest, char separator, struct word *ret_word)
{
	if (!rest->start)
		return false;

	const char *end = memchr(rest->start, separator, rest->length);
	const size_t length = end ? (size_t)(end - rest->start) : rest->length;

	*ret_word = trim((struct word){rest->start, length});
	if (end)
		*rest = (struct word){end + 1, rest->length - length - 1};
	else
		*rest = (struct word){NULL, 0};
	return true;
}

/* "name=value" or "name=\"value\"". */
static bool split_parameter(struct word parameter, struct word *ret_name, struct word *ret_value)
{
	if (!take(&parameter, '=', ret_name) || !parameter.start)
		return false;
	*ret_value = trim(parameter);
	if (ret_value->length >= 2 && ret_value->start[0] == '"' &&
	    ret_value->start[ret_value->length - 1] == '"') {
		ret_value->start++;
		ret_value->length -= 2;
	}
	return true;
}

#define QUALITY_MAX 1000

/* 0 to 1 with up to three decimals, in thousandths; -1: anything else. */
static int parse_quality(struct word word)
{
	int quality;
	int place = 100;

	if (word.length == 0 || word.length > 5 || (word.start[0] != '0' && word.start[0] != '1'))
		return -1;
	if (word.length > 1 && word.start[1] != '.')
		return -1;
	quality = (word.start[0] - '0') * QUALITY_MAX;
	for (size_t i = 2; i < word.length; i++) {
		if (word.start[i] < '0' || word.start[i] > '9')
			return -1;
		quality += (word.start[i] - '0') * place;
		place /= 10;
	}
	return quality <= QUALITY_MAX ? quality : -1;
}

struct media_range {
	struct word type;
	struct word version; /* start is NULL if there is none */
	struct word escaping;
	int quality;
};

static struct media_range parse_range(struct word element)
{
	struct media_range range = {.quality = QUALITY_MAX};
	struct word parameter;
	struct word name;
	struct word value;

	take(&element, ';', &range.type);
	while (take(&element, ';', &parameter)) {
		if (!split_parameter(parameter, &name, &value))
			continue;
		if (word_is(name, "q"))
			range.quality = parse_quality(value);
		else if (word_is(name, "version"))
			range.version = value;
		else if (word_is(name, "escaping"))
			range.escaping = value;
	}
	return range;
}

static bool format_of(const struct media_range *range, enum exposition_format *ret_format)
{
	const bool any_version = !range->version.start;

	if (word_is(range->type, "application/openmetrics-text") &&
	    (any_version || word_is(range->version, "1.0.0"))) {
		*ret_format = EXPOSITION_OPENMETRICS_1_0_0;
		return true;
	}
	if (word_is(range->type, "text/plain") && word_is(range->version, "1.0.0")) {
		*ret_format = EXPOSITION_TEXT_1_0_0;
		return true;
	}
	if ((word_is(range->type, "text/plain") &&
		(any_version || word_is(range->version, "0.0.4"))) ||
	    word_is(range->type, "text/*") || word_is(range->type, "*/*")) {
		*ret_format = EXPOSITION_TEXT_0_0_4;
		return true;
	}
	return false;
}

/* Our names need no escaping, so any scheme that keeps plain names works. */
static const char *escaping_of(const struct media_range *range, enum exposition_format format)
{
	if (format == EXPOSITION_TEXT_0_0_4)
		return NULL;
	if (!range->escaping.start)
		return format == EXPOSITION_TEXT_1_0_0 ? "underscores" : NULL;
	if (word_is(range->escaping, "allow-utf-8"))
		return "allow-utf-8";
	if (word_is(range->escaping, "values"))
		return "values";
	return "underscores";
}

struct exposition_choice negotiate_format(const char *accept)
{
	struct exposition_choice best = {EXPOSITION_TEXT_0_0_4, NULL};
	int best_quality = 0;
	struct word rest = {accept, accept ? strlen(accept) : 0};
	struct word element;

	while (take(&rest, ',', &element)) {
		const struct media_range range = parse_range(element);
		enum exposition_format format;

		if (range.quality <= best_quality || !format_of(&range, &format))
			continue;
		best_quality = range.quality;
		best = (struct exposition_choice){format, escaping_of(&range, format)};
	}
	return best;
}

bool negotiate_gzip(const char *accept_encoding)
{
	struct word rest = {accept_encoding, accept_encoding ? strlen(accept_encoding) : 0};
	struct word element;
	int gzip = -1;
	int any = -1;

	while (take(&rest, ',', &element)) {
		const struct media_range range = parse_range(element);

		if (word_is(range.type, "gzip") || word_is(range.type, "x-gzip"))
			gzip = range.quality;
		else if (word_is(range.type, "*"))
			any = range.quality;
	}
	return gzip >= 0 ? gzip > 0 : any > 0;
}
