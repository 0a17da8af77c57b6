// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "exporter/base/log.h"
#include "exporter/commands/commands.h"

#define MMAP_THRESHOLD (256 * 1024)

/*
 * A scrape of a busy host needs tens of megabytes for a moment. Blocks of that size must be mapped,
 * so that they are given back. glibc would raise the threshold after the first free().
 */
static void configure_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_ARENA_MAX, 2);
}

/*
 * Closed, the number of standard output would be that of the next file that is opened. With this,
 * writing fails as it must.
 */
static void keep_output_closed(void)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) == STDIN_FILENO)
		(void)open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv)
{
	struct options options;
	char error[OPTIONS_ERROR_SIZE];

	configure_memory();
	keep_output_closed();
	if (options_parse(argc, argv, &options, error) < 0) {
		fprintf(stderr, "ephemera: %s\n", error);
		return EXIT_USAGE;
	}
	log_configure(options.log_level, options.log_format);
	return options.command->run(&options);
}
