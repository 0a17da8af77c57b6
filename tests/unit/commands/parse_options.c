// SPDX-License-Identifier: Apache-2.0
#include "parse_options.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

struct options options;
char error[OPTIONS_ERROR_SIZE];

int parse(const char *const *arguments)
{
	/* argv need not be constant, and is not written to: each word is a string literal. */
	char **argv = (char **)(uintptr_t)arguments;
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&options, 0x55, sizeof(options));
	memset(error, 'x', sizeof(error));
	return options_parse(argc, argv, &options, error);
}

int parse_nothing(void)
{
	return parse((const char *[]){"ephemera", NULL});
}

void assert_refused(int result, const char *flag, const char *value)
{
	if (result != -EINVAL)
		fail_msg("%s %s: returned %d", flag, value ? value : "", result);
	assert_non_null(memchr(error, '\0', sizeof(error)));
	if (!strstr(error, flag))
		fail_msg("the flag %s is not in: %s", flag, error);
	if (value && !strstr(error, value))
		fail_msg("the value %s is not in: %s", value, error);
}

collector_set bit(const char *name)
{
	const int found = collector_find(name);

	assert_true(found >= 0);
	return (collector_set)1 << found;
}

unsigned long collector_value(const char *collector, const char *flag)
{
	const int i = collector_find(collector);

	assert_true(i >= 0);
	for (int j = 0; collectors[i]->flags[j].name; j++)
		if (strcmp(collectors[i]->flags[j].name, flag) == 0)
			return options.values[i][j];
	fail_msg("--collector.%s has no %s", collector, flag);
	return 0;
}
