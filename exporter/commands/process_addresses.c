// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/process_addresses.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/commands/commands.h"

/* Longer than any command line with LISTEN_ADDRESSES_MAX addresses and paths. */
#define BYTES_MAX 65536
#define WORDS_MAX 1024

/* Returns the number of bytes, at most BYTES_MAX, with a NUL after them; or -errno. */
static int read_command_line(const char *procfs, unsigned long pid, char bytes[BYTES_MAX + 1])
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s/%lu/cmdline", procfs, pid);

	if (length >= (int)sizeof(path))
		return -ENAMETOOLONG;

	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;

	const size_t got = fread(bytes, 1, BYTES_MAX, file);

	fclose(file);
	bytes[got] = '\0';
	return (int)got;
}

/* Returns the number of words, which point into bytes; 0 if there are too many. */
static int split(char *bytes, int length, char *words[WORDS_MAX])
{
	int count = 0;

	for (char *word = bytes; word < bytes + length; word += strlen(word) + 1) {
		if (count == WORDS_MAX)
			return 0;
		words[count++] = word;
	}
	return count;
}

static bool is_exporter(const char *program)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, "ephemera") == 0;
}

void process_addresses(const char *procfs, unsigned long pid,
    struct listen_address addresses[static LISTEN_ADDRESSES_MAX], size_t *length)
{
	char *bytes = malloc(BYTES_MAX + 1);
	char **words = calloc(WORDS_MAX, sizeof(*words));
	struct options *options = malloc(sizeof(*options));
	char error[OPTIONS_ERROR_SIZE];

	if (bytes && words && options) {
		const int got = read_command_line(procfs, pid, bytes);
		const int count = got > 0 && got < BYTES_MAX ? split(bytes, got, words) : 0;

		if (count > 0 && is_exporter(words[0]) &&
		    options_parse(count, words, options, error) == 0 && !options->command->name &&
		    options->serve.addresses_length) {
			memcpy(
			    addresses, options->serve.addresses, sizeof(options->serve.addresses));
			*length = options->serve.addresses_length;
		}
	}
	free(options);
	free(words);
	free(bytes);
}
