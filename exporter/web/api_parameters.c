// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/api_parameters.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "exporter/base/number.h"
#include "exporter/web/asked_mark.h"
#include "exporter/web/asked_namespace.h"

#define LIMIT_DEFAULT 20
#define ERROR_SIZE 200

/* Each reads a value into the route. Returns NULL, or what is wrong with it, a static text. */
typedef const char *read_value(const struct site *site, const char *value, struct route *route);

static const char *read_limit(const struct site *site, const char *value, struct route *route)
{
	unsigned long limit;

	(void)site;
	if (strlen(value) > 4 || !number_parse(value, 1, 1000, &limit))
		return "limit must be a whole number from 1 to 1000";
	route->limit = limit;
	return NULL;
}

static const char *read_owners(const struct site *site, const char *value, struct route *route)
{
	(void)site;
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return "owners must be true or false";
	route->owners = strcmp(value, "true") == 0;
	return NULL;
}

static const struct {
	const char *name;
	read_value *read;
} known[] = {
    {"limit", read_limit},
    {"owners", read_owners},
    {"namespace", asked_namespace_parse},
    {"to", asked_mark_parse_to},
    {"owner", asked_mark_parse_owner},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

struct reading {
	const struct site *site;
	struct route *route;
	bool given[KNOWN];
	char error[ERROR_SIZE]; /* what is wrong, or empty */
};

__attribute__((format(printf, 2, 3))) static void say_wrong(
    struct reading *reading, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reading->error, sizeof(reading->error), format, arguments);
	va_end(arguments);
}

static void read_one(void *context, const char *key, const char *value)
{
	struct reading *reading = context;
	const char *wrong;
	size_t i = 0;

	while (i < KNOWN && strcasecmp(key, known[i].name) != 0)
		i++;
	if (i == KNOWN || reading->error[0])
		return;
	/* Whoever means another network namespace must not get the exporter's own unawares. */
	if (strcmp(key, known[i].name) != 0) {
		say_wrong(reading, "there is no parameter \"%s\"; did you mean \"%s\"?", key,
		    known[i].name);
		return;
	}
	if (reading->given[i]) {
		say_wrong(reading, "%s is given more than once; give it once", known[i].name);
		return;
	}
	reading->given[i] = true;
	wrong = known[i].read(reading->site, value ? value : "", reading->route);
	if (wrong)
		say_wrong(reading, "%s", wrong);
}

bool api_parameters_read(
    const struct site *site, const struct http_request *request, struct route *route)
{
	struct reading reading = {.site = site, .route = route};

	route->limit = LIMIT_DEFAULT;
	request->parameters(request->source, read_one, &reading);
	if (!reading.error[0])
		return true;
	route->answer = answer_error(true, 400, "%s", reading.error);
	return false;
}
