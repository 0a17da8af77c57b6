// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"

#define NUMBER_LIMIT 64

static int open_below(const char *root, const char *name)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s/%s", root, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;

	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* text has room for limit + 2 bytes: one tells that there is more, one is for the final NUL. */
static int read_into(
    const char *root, const char *name, size_t limit, bool whole, char *text, size_t *ret_length)
{
	size_t length = 0;
	const cleanup_close int fd = open_below(root, name);

	if (fd < 0)
		return fd;
	for (;;) {
		const ssize_t got = read(fd, text + length, limit + 1 - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
		if (length <= limit)
			continue;
		if (whole)
			return -EFBIG;
		length = limit;
		break;
	}
	text[length] = '\0';
	*ret_length = length;
	return 0;
}

static int read_file(const char *root, const char *name, size_t limit, bool whole, char **ret_text,
    size_t *ret_length)
{
	cleanup_free char *text = malloc(limit + 2);
	const int result = text ? read_into(root, name, limit, whole, text, ret_length) : -ENOMEM;

	if (result < 0)
		return result;
	*ret_text = text;
	text = NULL;
	return 0;
}

int procfs_read_into(
    const char *root, const char *name, size_t limit, char *text, size_t *ret_length)
{
	return read_into(root, name, limit, true, text, ret_length);
}

int procfs_read(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length)
{
	return read_file(root, name, limit, true, ret_text, ret_length);
}

int procfs_read_start(
    const char *root, const char *name, size_t limit, char **ret_text, size_t *ret_length)
{
	return read_file(root, name, limit, false, ret_text, ret_length);
}

int procfs_read_number(const char *root, const char *name, int *ret_number)
{
	char text[NUMBER_LIMIT + 2];
	size_t length = 0;
	char *end;
	const int result = read_into(root, name, NUMBER_LIMIT, true, text, &length);

	if (result < 0)
		return result;
	errno = 0;

	const long number = strtol(text, &end, 10);

	if (end == text || errno || number > INT_MAX || number < INT_MIN)
		return -EBADMSG;
	if (strspn(end, " \t\n") != length - (size_t)(end - text))
		return -EBADMSG;
	*ret_number = (int)number;
	return 0;
}

int procfs_number(const char *name)
{
	long number = 0;

	for (const char *at = name; *at; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		number = number * 10 + (*at - '0');
		if (number > INT_MAX)
			return -1;
	}
	return *name ? (int)number : -1;
}
