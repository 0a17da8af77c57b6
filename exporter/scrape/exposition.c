// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "exporter/base/utf8.h"

void exposition_content_type(
    struct exposition_choice choice, char type[static EXPOSITION_CONTENT_TYPE])
{
	static const char *const types[] = {
	    [EXPOSITION_TEXT_0_0_4] = "text/plain; version=0.0.4; charset=utf-8",
	    [EXPOSITION_TEXT_1_0_0] = "text/plain; version=1.0.0; charset=utf-8",
	    [EXPOSITION_OPENMETRICS_1_0_0] =
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	snprintf(type, EXPOSITION_CONTENT_TYPE, "%s%s%s", types[choice.format],
	    choice.escaping ? "; escaping=" : "", choice.escaping ? choice.escaping : "");
}

static void add_escaped(struct text *text, const char *value, bool quotes)
{
	while (*value) {
		const size_t length = utf8_length(value);

		if (length == 0)
			text_add_string(text, UTF8_REPLACEMENT);
		else if (*value == '\\')
			text_add_string(text, "\\\\");
		else if (*value == '\n')
			text_add_string(text, "\\n");
		else if (*value == '"' && quotes)
			text_add_string(text, "\\\"");
		else
			text_add(text, value, length);
		value += length ? length : 1;
	}
}

static bool ends_with(const char *string, size_t length, const char *suffix)
{
	const size_t size = strlen(suffix);

	return length > size && memcmp(string + length - size, suffix, size) == 0;
}

/* In OpenMetrics a counter's family has no _total; its samples do. */
static size_t family_name_length(const struct metric_family *family, enum exposition_format format)
{
	const size_t length = strlen(family->name);

	if (format == EXPOSITION_OPENMETRICS_1_0_0 && family->type == METRIC_COUNTER)
		return length - strlen("_total");
	return length;
}

static void add_unit(struct text *text, const char *name, size_t length)
{
	static const char *const units[] = {"seconds", "bytes", "ratio", "ports", "sockets"};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!ends_with(name, length, units[i]) ||
		    name[length - strlen(units[i]) - 1] != '_')
			continue;
		text_add_string(text, "# UNIT ");
		text_add(text, name, length);
		text_add_char(text, ' ');
		text_add_string(text, units[i]);
		text_add_char(text, '\n');
		return;
	}
}

static const char *type_name(enum metric_type type)
{
	static const char *const names[] = {
	    [METRIC_GAUGE] = "gauge",
	    [METRIC_COUNTER] = "counter",
	    [METRIC_HISTOGRAM] = "histogram",
	};

	return names[type];
}

static void add_heading(
    struct text *text, enum exposition_format format, const struct metric_family *family)
{
	const size_t length = family_name_length(family, format);
	const bool openmetrics = format == EXPOSITION_OPENMETRICS_1_0_0;

	text_add_string(text, "# HELP ");
	text_add(text, family->name, length);
	text_add_char(text, ' ');
	add_escaped(text, family->help, openmetrics);
	text_add_string(text, "\n# TYPE ");
	text_add(text, family->name, length);
	text_add_char(text, ' ');
	text_add_string(text, type_name(family->type));
	text_add_char(text, '\n');
	if (openmetrics)
		add_unit(text, family->name, length);
}

static void add_label(struct text *text, char *separator, const char *name, const char *value)
{
	text_add_char(text, *separator);
	text_add_string(text, name);
	text_add_string(text, "=\"");
	add_escaped(text, value, true);
	text_add_char(text, '"');
	*separator = ',';
}

static bool has_label(const struct metric_family *family, const char *name)
{
	for (size_t i = 0; family->labels[i]; i++)
		if (strcmp(family->labels[i], name) == 0)
			return true;
	return false;
}

static const char *next(const char *string)
{
	return string + strlen(string) + 1;
}

/* bucket: NULL unless it is a histogram's. */
static void add_name_and_labels(struct text *text, const struct metric_set *set,
    const struct metric_family *family, size_t position, const char *suffix,
    const struct metric_bucket *bucket)
{
	const char *name = metric_set_surroundings(set, position);
	const char *value = metric_set_labels(set, position);
	char separator = '{';

	text_add_string(text, family->name);
	text_add_string(text, suffix);
	for (; *name; name = next(next(name)))
		if (!has_label(family, name))
			add_label(text, &separator, name, next(name));
	for (size_t i = 0; family->labels[i]; i++, value = next(value))
		add_label(text, &separator, family->labels[i], value);
	if (bucket) {
		text_add_char(text, separator);
		text_add_string(text, "le=\"");
		text_add_bound(text, bucket->bound);
		text_add_char(text, '"');
		separator = ',';
	}
	text_add_string(text, separator == ',' ? "} " : " ");
}

/* As an integer: a double rounds above 2^53. */
static void add_count(struct text *text, uint64_t count)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRIu64 "\n", count);
	text_add_string(text, digits);
}

/*
 * le is "1.0" in every format, as OpenMetrics demands and Prometheus 3 normalises it. Prometheus 2
 * keeps it as it is: with "1" in one format and "1.0" in another, the series would change.
 */
static void add_histogram(struct text *text, const struct metric_set *set,
    const struct metric_family *family, size_t position)
{
	const struct metric_bucket *bucket = metric_set_buckets(set, position);

	for (;; bucket++) {
		add_name_and_labels(text, set, family, position, "_bucket", bucket);
		add_count(text, bucket->count);
		if (isinf(bucket->bound))
			break;
	}
	add_name_and_labels(text, set, family, position, "_sum", NULL);
	text_add_number(text, metric_set_value(set, position));
	text_add_char(text, '\n');
	add_name_and_labels(text, set, family, position, "_count", NULL);
	add_count(text, bucket->count);
}

static void add_sample(struct text *text, const struct metric_set *set,
    const struct metric_family *family, size_t position)
{
	if (family->type == METRIC_HISTOGRAM) {
		add_histogram(text, set, family, position);
		return;
	}
	add_name_and_labels(text, set, family, position, "", NULL);
	text_add_number(text, metric_set_value(set, position));
	text_add_char(text, '\n');
}

void exposition_write(struct text *text, enum exposition_format format,
    const struct metric_set *set, const struct metric_family *const *families)
{
	for (; *families; families++) {
		size_t position = metric_set_next(set, *families, METRIC_FIRST);

		if (position != METRIC_END)
			add_heading(text, format, *families);
		for (; position != METRIC_END; position = metric_set_next(set, *families, position))
			add_sample(text, set, *families, position);
	}
}

void exposition_end(struct text *text, enum exposition_format format)
{
	if (format == EXPOSITION_OPENMETRICS_1_0_0)
		text_add_string(text, "# EOF\n");
}
