// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct command serve_command;
extern const struct command metrics_command;
extern const struct command destinations_command;
extern const struct command top_command;
extern const struct command namespaces_command;
extern const struct command port_command;
extern const struct command trace_command;
extern const struct command advise_command;
extern const struct command check_config_command;
extern const struct command healthcheck_command;

const struct command *const commands[] = {
    &serve_command,
    &metrics_command,
    &destinations_command,
    &top_command,
    &namespaces_command,
    &port_command,
    &trace_command,
    &advise_command,
    &check_config_command,
    &healthcheck_command,
    &help_command,
};

const size_t commands_length = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < commands_length; i++)
		if (commands[i]->name && strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int command_end(const struct command *command, int result, const char *reason)
{
	if (result == 0)
		return EXIT_DONE;
	if (result != -EPIPE)
		fprintf(stderr, "ephemera: %s: %s\n", command->name,
		    reason	       ? reason
		    : result == -EBADF ? "standard output is closed"
				       : strerrordesc_np(-result));
	return EXIT_FAILED;
}
