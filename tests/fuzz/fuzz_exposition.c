// SPDX-License-Identifier: Apache-2.0
/*
 * A sample as text: the first byte picks the format, eight are its value, and then come the
 * values of two labels, with a NUL in between.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/base/utf8.h"
#include "exporter/scrape/exposition.h"
#include "fuzz.h"

static const struct metric_family family = {
    .name = "f", .help = "Help.", .type = METRIC_GAUGE, .labels = {"a", "b"}};
static const struct metric_family *const families[] = {&family, NULL};

/* Reads wanted, escaped and in quotes, behind what; returns what follows. */
static const char *expect(const char *at, const char *what, const char *value)
{
	char *wanted = utf8_make_valid(value);

	FUZZ_CHECK(strncmp(at, what, strlen(what)) == 0);
	at += strlen(what);
	for (const char *c = wanted; *c; c++) {
		FUZZ_CHECK(*at != '"' && *at != '\n');
		if (*at != '\\') {
			FUZZ_CHECK(*at++ == *c);
			continue;
		}
		FUZZ_CHECK(at[1] == '\\' || at[1] == '"' || at[1] == 'n');
		FUZZ_CHECK(*c == (at[1] == 'n' ? '\n' : at[1]));
		at += 2;
	}
	free(wanted);
	FUZZ_CHECK(*at == '"');
	return at + 1;
}

static void check_number(const char *at, double value, const char *end)
{
	char *after;
	const double read = strtod(at, &after);

	FUZZ_CHECK(read == value || (isnan(read) && isnan(value)));
	FUZZ_CHECK(strcmp(after, end) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	double value;

	if (size < 1 + sizeof(value))
		return 0;

	const enum exposition_format format = data[0] % (EXPOSITION_OPENMETRICS_1_0_0 + 1);

	memcpy(&value, data + 1, sizeof(value));
	data += 1 + sizeof(value);
	size -= 1 + sizeof(value);

	char *first = fuzz_string(data, size);
	const size_t taken = strlen(first) < size ? strlen(first) + 1 : size;
	char *second = fuzz_string(data + taken, size - taken);
	struct metric_set *set = metric_set_new();
	struct text text = {0};

	FUZZ_CHECK(set);
	metric_add(set, &family, value, METRIC_LABELS(first, second));
	FUZZ_CHECK(metric_set_error(set) == 0);
	exposition_write(&text, format, set, families);
	exposition_end(&text, format);
	text_add_char(&text, '\0');
	FUZZ_CHECK(text.error == 0 && fuzz_is_utf8(text.data));

	const char *at = expect(text.data, "# HELP f Help.\n# TYPE f gauge\nf{a=\"", first);

	at = expect(at, ",b=\"", second);
	FUZZ_CHECK(strncmp(at, "} ", 2) == 0);
	check_number(at + 2, value, format == EXPOSITION_OPENMETRICS_1_0_0 ? "\n# EOF\n" : "\n");
	metric_set_free(set);
	free(text.data);
	free(second);
	free(first);
	return 0;
}
