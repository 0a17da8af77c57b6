// SPDX-License-Identifier: Apache-2.0
#include "web_configs.h"

#include <stdio.h>
#include <string.h>

#include "guard_page.h"
#include "unit.h"

struct web_config *config;
char error[WEB_CONFIG_ERROR_SIZE];

int parse(const char *text, size_t length)
{
	struct guarded guarded = guard(text, length, 1);

	config = NULL;
	memset(error, 'x', sizeof(error));

	const int result =
	    web_config_parse(guarded.bytes, length, "web.yml", "/nonexistent", &config, error);

	guard_free(&guarded);
	return result;
}

int parse_string(const char *text)
{
	return parse(text, strlen(text));
}

void drop(void)
{
	web_config_free(config);
	config = NULL;
}

void assert_refused(int result, int wanted, const char *line)
{
	assert_non_null(memchr(error, '\0', sizeof(error)));
	if (result != wanted)
		fail_msg(
		    "returned %d and not %d, where it should have said: %s", result, wanted, line);
	if (strcmp(error, line) != 0)
		fail_msg("said %s\nand not %s", error, line);
	assert_null(config);
}

int read_config(const struct workspace *workspace)
{
	config = NULL;
	memset(error, 'x', sizeof(error));
	return web_config_read(workspace_path(workspace, "conf/web.yml"), &config, error);
}
