// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/option_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/peer_expression.h"
#include "exporter/answers/port_expression.h"
#include "exporter/base/number.h"
#include "exporter/base/text.h"

int option_fail(char error[static OPTIONS_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, OPTIONS_ERROR_SIZE, format, arguments);
	va_end(arguments);
	text_make_printable(error);
	return -EINVAL;
}

int option_number(char error[static OPTIONS_ERROR_SIZE], const char *name, const char *text,
    unsigned long minimum, unsigned long maximum, unsigned long *ret_number)
{
	if (!number_parse(text, minimum, maximum, ret_number))
		return option_fail(error,
		    "--%s: must be a whole number from %lu to %lu, not \"%.80s\"", name, minimum,
		    maximum, text);
	return 0;
}

int option_ports(char error[static OPTIONS_ERROR_SIZE], const char *name, const char *text,
    unsigned long *ret_ports)
{
	struct port_range range;

	if (port_expression_parse(text, &range))
		return option_fail(error,
		    "--%s: must be ports from 1 to 65535, such as 40000-49999, not \"%.80s\"", name,
		    text);
	*ret_ports = collector_ports(range);
	return 0;
}

static int parse_octal(
    char *error, const struct flag *flag, const char *text, unsigned long *ret_number)
{
	const size_t digits = strspn(text, "01234567");

	if (digits == 0 || digits > 4 || text[digits] || strtoul(text, NULL, 8) > flag->maximum)
		return option_fail(error,
		    "--%s: must be an octal number from 0 to 0%lo, not \"%.80s\"", flag->name,
		    flag->maximum, text);
	*ret_number = strtoul(text, NULL, 8);
	return 0;
}

/* The seconds of a duration's unit; 0: unknown unit. */
static unsigned long scale_of(const char *unit)
{
	if (!*unit || strcmp(unit, "s") == 0)
		return 1;
	if (strcmp(unit, "m") == 0)
		return 60;
	return strcmp(unit, "h") == 0 ? 3600 : 0;
}

static int parse_duration(
    char *error, const struct flag *flag, const char *text, unsigned long *ret_seconds)
{
	unsigned long number = 0;
	const char *unit = number_read(text, flag->maximum, &number);
	const unsigned long scale = unit && unit - text <= 6 ? scale_of(unit) : 0;

	if (scale == 0 || number * scale < flag->minimum || number * scale > flag->maximum)
		return option_fail(error,
		    "--%s: must be a duration from %lus to %lus, not \"%.80s\"", flag->name,
		    flag->minimum, flag->maximum, text);
	*ret_seconds = number * scale;
	return 0;
}

static int parse_address(
    char *error, struct options *options, const struct flag *flag, const char *text)
{
	if (options->serve.addresses_length == LISTEN_ADDRESSES_MAX)
		return option_fail(
		    error, "--%s: at most %d addresses", flag->name, LISTEN_ADDRESSES_MAX);

	const char *wrong =
	    listen_parse(text, &options->serve.addresses[options->serve.addresses_length]);

	if (wrong)
		return option_fail(error, "--%s: \"%.80s\": %s", flag->name, text, wrong);
	options->serve.addresses_length++;
	return 0;
}

static int parse_choice(char *error, const struct flag *flag, const char *text, int *ret_choice)
{
	char all[64] = "";

	for (int i = 0; flag->choices[i]; i++) {
		const size_t length = strlen(all);

		if (strcmp(flag->choices[i], text) == 0) {
			*ret_choice = i;
			return 0;
		}
		snprintf(
		    all + length, sizeof(all) - length, "%s%s", i ? ", " : "", flag->choices[i]);
	}
	return option_fail(error, "--%s: must be one of %s, not \"%.80s\"", flag->name, all, text);
}

static int parse_ports(
    char *error, const struct flag *flag, const char *text, struct port_range *ret_range)
{
	const char *wrong = port_expression_parse(text, ret_range);

	return wrong ? option_fail(error, "--%s: \"%.80s\": %s", flag->name, text, wrong) : 0;
}

static int parse_peers(
    char *error, const struct flag *flag, const char *text, struct peer_filter *ret_filter)
{
	const char *wrong = peer_expression_parse(text, ret_filter);

	return wrong ? option_fail(error, "--%s: \"%.60s\": %s", flag->name, text, wrong) : 0;
}

static int parse_states(
    char *error, const struct flag *flag, const char *text, struct state_set *ret_states)
{
	const char *wrong = state_expression_parse(text, ret_states);

	return wrong ? option_fail(error, "--%s: \"%.30s\": %s", flag->name, text, wrong) : 0;
}

int option_set(struct options *options, const struct flag *flag, const char *value,
    char error[static OPTIONS_ERROR_SIZE])
{
	char *place = (char *)options + flag->offset;

	switch (flag->kind) {
	case KIND_SWITCH:
		*(bool *)place = true;
		return 0;
	case KIND_NUMBER:
		return option_number(
		    error, flag->name, value, flag->minimum, flag->maximum, (unsigned long *)place);
	case KIND_DURATION:
		return parse_duration(error, flag, value, (unsigned long *)place);
	case KIND_OCTAL:
		return parse_octal(error, flag, value, (unsigned long *)place);
	case KIND_STRING:
		if (!*value)
			return option_fail(error, "--%s: must not be empty", flag->name);
		*(const char **)place = value;
		return 0;
	case KIND_ADDRESS:
		return parse_address(error, options, flag, value);
	case KIND_PORTS:
		return parse_ports(error, flag, value, (struct port_range *)place);
	case KIND_PEERS:
		return parse_peers(error, flag, value, (struct peer_filter *)place);
	case KIND_STATES:
		return parse_states(error, flag, value, (struct state_set *)place);
	case KIND_CHOICE:
		return parse_choice(error, flag, value, (int *)place);
	}
	return 0;
}
