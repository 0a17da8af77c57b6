// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a fuzz target over inputs, without libFuzzer: fuzz_NAME FILE|DIRECTORY... Each input is
 * named before it runs, so the last name is that of the one it died of.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/kernel/cleanup.h"
#include "fuzz.h"

#define INPUT_LIMIT ((size_t)1 << 20)

static unsigned replayed;

static int replay_file(const char *path)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	cleanup_free uint8_t *data = malloc(INPUT_LIMIT);

	if (!file || !data) {
		perror(path);
		return -1;
	}

	const size_t size = fread(data, 1, INPUT_LIMIT, file);

	if (ferror(file)) {
		perror(path);
		return -1;
	}
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	replayed++;
	return 0;
}

static int replay_directory(const char *path)
{
	struct dirent **entries;
	const int count = scandir(path, &entries, NULL, alphasort);
	int result = 0;

	if (count < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && replay_file(file) < 0)
			result = -1;
		free(entries[i]);
	}
	free(entries);
	return result;
}

int main(int argc, char **argv)
{
	int result = 0;

	for (int i = 1; i < argc; i++) {
		struct stat status;
		const bool directory = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);

		if ((directory ? replay_directory(argv[i]) : replay_file(argv[i])) < 0)
			result = 1;
	}
	/* A corpus that is not there must not look like one that passes. */
	if (replayed == 0) {
		fprintf(stderr, "%s: no input\n", argv[0]);
		return 1;
	}
	printf("%u inputs\n", replayed);
	return result;
}
