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

static int open_below(const char *root, const char *name)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s/%s", root, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;

	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_file(const char *root, const char *name, size_t limit, bool whole, char **ret_text,
    size_t *ret_length)
{
	size_t length = 0;
	cleanup_close int fd = open_below(root, name);

	if (fd < 0)
		return fd;

	/* One byte tells that there is more than the limit, one is for the final NUL. */
	cleanup_free char *text = malloc(limit + 2);

	if (!text)
		return -ENOMEM;
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
	*ret_text = text;
	*ret_length = length;
	text = NULL;
	return 0;
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
	cleanup_free char *text = NULL;
	size_t length;
	char *end;
	const int result = procfs_read(root, name, 64, &text, &length);

	if (!text)
		return result < 0 ? result : -EIO;
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
