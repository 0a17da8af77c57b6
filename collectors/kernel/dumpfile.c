// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/dumpfile.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "ephemera socket dump 1\n"

static int check(FILE *file, int printed)
{
	return printed < 0 || ferror(file) ? -EIO : 0;
}

int dumpfile_start(FILE *file)
{
	return check(file, fputs(FIRST_LINE, file));
}

int dumpfile_begin_listing(FILE *file, enum listing listing)
{
	return check(file, fprintf(file, "listing %s\n", listing_name(listing)));
}

int dumpfile_write_chunk(FILE *file, const void *bytes, size_t length)
{
	if (fprintf(file, "chunk %zu\n", length) < 0 || fwrite(bytes, 1, length, file) != length ||
	    fputc('\n', file) == EOF)
		return -EIO;
	return 0;
}

int dumpfile_end_listing(FILE *file, int result)
{
	if (fprintf(file, "result %d\n", result) < 0 || fflush(file) != 0)
		return -EIO;
	return 0;
}

static int parse_after(
    const char *line, const char *word, long minimum, long maximum, long *ret_number)
{
	const size_t length = strlen(word);
	char *end;

	if (strncmp(line, word, length) != 0)
		return -EBADMSG;
	errno = 0;
	*ret_number = strtol(line + length, &end, 10);
	if (errno || end == line + length || strcmp(end, "\n") != 0)
		return -EBADMSG;
	return *ret_number < minimum || *ret_number > maximum ? -EBADMSG : 0;
}

static int read_chunk(FILE *file, size_t length, const struct netlink_sink *sink)
{
	_Alignas(struct nlmsghdr) char bytes[NETLINK_BUFFER];

	if (fread(bytes, 1, length, file) != length || fgetc(file) != '\n')
		return -EBADMSG;
	if (!sink)
		return 0;

	const int result = netlink_parse(bytes, length, 0, 0, sink);

	return result > 0 ? 0 : result;
}

/*
 * Reads one listing; without a sink only skips it. Returns 0 and the recorded result, -EBADMSG, or
 * what the sink returned.
 */
static int replay_listing(FILE *file, const struct netlink_sink *sink, int *ret_result)
{
	char line[64];
	long number;

	while (fgets(line, sizeof(line), file)) {
		/* The kernel's result is an errno; anything else means a broken file. */
		if (parse_after(line, "result ", -4095, 0, &number) == 0) {
			*ret_result = (int)number;
			return 0;
		}
		if (parse_after(line, "chunk ", 1, NETLINK_BUFFER, &number) < 0)
			return -EBADMSG;

		const int result = read_chunk(file, (size_t)number, sink);

		if (result < 0)
			return result;
	}
	return -EBADMSG;
}

int dumpfile_replay(FILE *file, enum listing listing, const struct netlink_sink *sink)
{
	char line[64];
	char wanted[64];
	int recorded = 0;

	snprintf(wanted, sizeof(wanted), "listing %s\n", listing_name(listing));
	if (fseek(file, 0, SEEK_SET) < 0)
		return -errno;
	if (!fgets(line, sizeof(line), file) || strcmp(line, FIRST_LINE) != 0)
		return -EBADMSG;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "listing ", strlen("listing ")) != 0)
			return -EBADMSG;

		const bool found = strcmp(line, wanted) == 0;
		const int result = replay_listing(file, found ? sink : NULL, &recorded);

		if (result < 0 || found)
			return result < 0 ? result : recorded;
	}
	return -ENODATA;
}
