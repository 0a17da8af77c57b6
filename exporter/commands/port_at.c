// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_at.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "exporter/answers/lease_answer.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/option_value.h"

#define READ_BYTES 65536

int port_at_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	struct moment_span span;

	if (!options->at && !options->leases)
		return 0;
	if (!options->at)
		return option_fail(error, "--leases needs --at=TIME: when was it?");
	if (!options->leases)
		return option_fail(error, "--at needs --leases=FILE: the kernel only knows who has "
					  "a port now");
	if (options->asked.length)
		return option_fail(error, "--at takes ports without a protocol or an address");
	if (options->by || options->peers.length || options->asked.states.of[SOCKET_TCP] ||
	    options->asked.states.of[SOCKET_UDP])
		return option_fail(error, "--at and --%s cannot be combined",
		    options->by		    ? "by"
		    : options->peers.length ? "to"
					    : "state");
	if (options->watch)
		return option_fail(error, "--at and --watch cannot be combined");
	if (!moment_parse_past(options->at, moment_now(), &span))
		return option_fail(error,
		    "--at: must be a time such as 12:03, 12:03:07.5 or 2026-11-29T12:03:07Z, not "
		    "\"%.80s\"",
		    options->at);
	return 0;
}

/* Returns 0 or -errno. */
static int read_lines(FILE *file, struct lease_search *search)
{
	cleanup_free char *bytes = malloc(READ_BYTES);
	int result = bytes ? 0 : -ENOMEM;

	while (result == 0) {
		errno = 0;

		const size_t length = fread(bytes, 1, READ_BYTES, file);

		if (length == 0)
			return ferror(file) ? (errno ? -errno : -EIO) : 0;
		result = lease_search_feed(search, bytes, length);
	}
	return result;
}

static int find(FILE *file, struct lease_search *search, struct lease_answer *ret_answer)
{
	const int result = file ? read_lines(file, search) : -errno;

	return result < 0 ? result : lease_search_finish(search, ret_answer);
}

static int fail(const struct options *options, const char *reason)
{
	fprintf(stderr, "ephemera: port: %s: %s\n",
	    strcmp(options->leases, "-") == 0 ? "standard input" : options->leases, reason);
	return EXIT_ERROR;
}

static int answer(const struct options *options, const struct lease_search_options *wanted,
    const struct lease_answer *found)
{
	int result;

	if (!found->has_lines)
		return fail(options, "no line is from \"ephemera trace --leases --json\"");
	result = options->json ? lease_answer_print_json(wanted, found)
			       : lease_answer_print(wanted, found);
	if (result == 0)
		result = terminal_flush();
	if (result < 0 && result != -EPIPE)
		return fail(options, strerrordesc_np(-result));
	if (result < 0)
		return EXIT_ERROR;
	return found->length ? EXIT_SOMETHING : EXIT_NOTHING;
}

int port_at(const struct options *options)
{
	const bool is_stdin = strcmp(options->leases, "-") == 0;
	struct lease_search_options wanted = {
	    .ports = options->asked.ports, .limit = options->limit};
	struct lease_answer found;
	struct lease_search *search;
	FILE *file;
	int result;

	/* It was checked. */
	(void)moment_parse_past(options->at, moment_now(), &wanted.at);
	search = lease_search_new(&wanted);
	if (!search)
		return fail(options, strerrordesc_np(ENOMEM));
	file = is_stdin ? stdin : fopen(options->leases, "re");
	result = find(file, search, &found);
	if (file && !is_stdin)
		fclose(file);
	result =
	    result < 0 ? fail(options, strerrordesc_np(-result)) : answer(options, &wanted, &found);
	lease_search_free(search);
	return result;
}
