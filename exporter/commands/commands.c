// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/commands.h"

#include <string.h>

const struct command_word command_words[] = {
    {NULL, NULL, "serve metrics over HTTP", COMMAND_SERVE, true},
    {"metrics", NULL, "one scrape to standard output; exit status 1 where a collector failed",
	COMMAND_METRICS, true},
    {"destinations", NULL, "the fullest destinations, as a table", COMMAND_DESTINATIONS, true},
    {"port", "PORT|FIRST-LAST...",
	"what is on these ports, and who has it; exit status 0 something, 1 nothing, 2 an error",
	COMMAND_PORT, true},
    {"trace", NULL, "each call that finds no port, as it happens; takes CAP_BPF and CAP_PERFMON",
	COMMAND_TRACE, true},
    {"check-config", "FILE", "whether a --web.config.file is right", COMMAND_CHECK_CONFIG, false},
    {"healthcheck", NULL, "whether what serves at --web.listen-address answers",
	COMMAND_HEALTHCHECK, true},
};

const size_t command_words_length = sizeof(command_words) / sizeof(command_words[0]);

const struct command_word *command_find(const char *name)
{
	for (size_t i = 0; i < command_words_length; i++)
		if (command_words[i].name && strcmp(command_words[i].name, name) == 0)
			return &command_words[i];
	return NULL;
}
