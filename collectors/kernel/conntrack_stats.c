// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/conntrack_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/procfs.h"

#define COLUMNS_MAX 64
/* A line of some 150 bytes for each of 8,192 processors. */
#define FILE_MAX 2000000

/* Writes the position of each counter's column, or COLUMNS_MAX. Returns how many columns there are.
 */
static size_t find_columns(
    char *names, struct conntrack_counter *counters, size_t count, size_t *columns)
{
	size_t length = 0;
	char *rest;

	for (size_t i = 0; i < count; i++)
		columns[i] = COLUMNS_MAX;
	for (char *name = strtok_r(names, " ", &rest); name && length < COLUMNS_MAX;
	     name = strtok_r(NULL, " ", &rest)) {
		for (size_t i = 0; i < count; i++)
			if (strcmp(counters[i].name, name) == 0)
				columns[i] = length;
		length++;
	}
	return length;
}

/* Returns how many numbers the line has, or -EBADMSG. */
static int parse_numbers(char *line, uint64_t numbers[static COLUMNS_MAX])
{
	char *rest;
	int length = 0;

	for (char *word = strtok_r(line, " ", &rest); word && length < COLUMNS_MAX;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strlen(word) > 16 || strspn(word, "0123456789abcdef") != strlen(word))
			return -EBADMSG;
		numbers[length++] = strtoull(word, NULL, 16);
	}
	return length;
}

int conntrack_stats_parse(char *text, struct conntrack_counter *counters, size_t count)
{
	uint64_t numbers[COLUMNS_MAX];
	size_t columns[COLUMNS_MAX];
	size_t length;
	char *rest;
	char *line = strtok_r(text, "\n", &rest);

	if (!line || count > COLUMNS_MAX)
		return -EBADMSG;
	length = find_columns(line, counters, count, columns);
	for (size_t i = 0; i < count; i++) {
		counters[i].found = columns[i] < COLUMNS_MAX;
		counters[i].value = 0;
	}
	while ((line = strtok_r(NULL, "\n", &rest))) {
		if (parse_numbers(line, numbers) != (int)length)
			return -EBADMSG;
		for (size_t i = 0; i < count; i++)
			if (counters[i].found)
				counters[i].value += numbers[columns[i]];
	}
	return 0;
}

int conntrack_stats_read(const char *procfs, struct conntrack_counter *counters, size_t count)
{
	cleanup_free char *text = NULL;
	size_t length;
	const int result = procfs_read(procfs, "net/stat/nf_conntrack", FILE_MAX, &text, &length);

	return result < 0 ? result : conntrack_stats_parse(text, counters, count);
}
