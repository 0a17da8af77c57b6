// SPDX-License-Identifier: Apache-2.0
/* The command line: one argument a line. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/commands/commands.h"
#include "exporter/commands/flags.h"
#include "fuzz.h"

#define ARGUMENTS_MAX 64

/* Whatever was given, every number is within what --help says. */
static void check_values(const struct options *options)
{
	for (size_t i = 0; i < flags_length; i++) {
		const char *place = (const char *)options + flags[i].offset;
		unsigned long number;

		if (flags[i].kind != KIND_NUMBER && flags[i].kind != KIND_DURATION &&
		    flags[i].kind != KIND_OCTAL)
			continue;
		memcpy(&number, place, sizeof(number));
		/* Has no default. */
		if (flags[i].offset == offsetof(struct options, process) && number == 0)
			continue;
		FUZZ_CHECK(number >= flags[i].minimum && number <= flags[i].maximum);
	}
	for (size_t i = 0; i < collectors_length; i++) {
		for (size_t j = 0; collectors[i]->flags && collectors[i]->flags[j].name; j++) {
			const unsigned long number = options->values[i][j];

			/* What a switch has that was not given is no number of its own. */
			if (number == collectors[i]->flags[j].initial)
				continue;
			FUZZ_CHECK(number >= collectors[i]->flags[j].minimum);
			FUZZ_CHECK(number <= collectors[i]->flags[j].maximum);
		}
	}
}

static void check_addresses(const struct options *options)
{
	FUZZ_CHECK(options->serve.systemd_socket == (options->serve.addresses_length == 0));
	FUZZ_CHECK(options->serve.addresses_length <= LISTEN_ADDRESSES_MAX);
	for (size_t i = 0; i < options->serve.addresses_length; i++) {
		const struct listen_address *address = &options->serve.addresses[i];

		if (address->kind == LISTEN_UNIX) {
			FUZZ_CHECK(address->path[0] && address->path[0] != '@');
			FUZZ_CHECK(memchr(address->path, '\0', LISTEN_PATH_SIZE));
		} else {
			FUZZ_CHECK(address->port != 0);
			FUZZ_CHECK(memchr(address->host, '\0', LISTEN_HOST_SIZE));
		}
	}
}

static void check(const struct options *options)
{
	check_values(options);
	FUZZ_CHECK(options->enabled >> collectors_length == 0);
	check_addresses(options);
	FUZZ_CHECK(options->serve.telemetry_path[0] == '/');
	FUZZ_CHECK(
	    !portset_has(&options->asked.ports, 0) && !portset_has(&options->asked.named, 0));
	FUZZ_CHECK(options->command != command_find("check-config") || options->checked);
	FUZZ_CHECK(
	    options->command != command_find("port") || portset_count(&options->asked.ports) > 0);
	FUZZ_CHECK(options->log_level <= LOG_LEVEL_ERROR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	const char *rest = text;
	char *arguments[ARGUMENTS_MAX + 2] = {fuzz_string((const uint8_t *)"ephemera", 8)};
	int count = 1;
	struct options options;
	char error[OPTIONS_ERROR_SIZE] = "";

	while (count <= ARGUMENTS_MAX && (arguments[count] = fuzz_take(&rest, '\n')))
		count++;

	const int result = options_parse(count, arguments, &options, error);

	if (result < 0) {
		FUZZ_CHECK(error[0] && memchr(error, '\0', sizeof(error)));
		FUZZ_CHECK(fuzz_is_printable(error));
	} else if (options.command != &help_command && options.command != &version_command) {
		check(&options);
	}
	for (int i = 0; i < count; i++)
		free(arguments[i]);
	free(text);
	return 0;
}
