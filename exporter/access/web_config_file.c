// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/grow.h"
#include "exporter/base/secret.h"

void blob_release(struct blob *blob)
{
	secret_free(blob->data, blob->length);
	*blob = (struct blob){0};
}

/* Returns an error if it is not a regular file. */
static int check_kind(const struct stat *status, const char **ret_why)
{
	if (S_ISREG(status->st_mode))
		return 0;
	*ret_why = S_ISDIR(status->st_mode) ? "is a directory" : "is not a regular file";
	return S_ISDIR(status->st_mode) ? -EISDIR : -EINVAL;
}

/*
 * Looks at the path first, since opening a device can have effects: a watchdog starts. Opens
 * without blocking, in case the file is replaced in between.
 */
static int open_regular(const char *path, struct stat *ret_status, const char **ret_why)
{
	struct stat status;
	int result = stat(path, &status) < 0 ? -errno : 0;

	if (result == 0)
		result = check_kind(&status, ret_why);
	if (result < 0)
		return result;

	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	result = fstat(fd, ret_status) < 0 ? -errno : check_kind(ret_status, ret_why);
	if (result < 0) {
		close(fd);
		return result;
	}
	return fd;
}

/* Reads up to size bytes. Returns how many, or -errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		const ssize_t got = read(fd, buffer + length, size - length);

		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

static int read_content(int fd, struct blob *ret_content, const char **ret_why)
{
	/* Only the pages that the file fills use memory. */
	char *buffer = malloc(WEB_CONFIG_FILE_SIZE + 1);

	if (!buffer)
		return -ENOMEM;

	const ssize_t got = read_all(fd, buffer, WEB_CONFIG_FILE_SIZE + 1);
	const size_t length = got < 0 ? 0 : (size_t)got;
	int result = got < 0 ? (int)got : 0;

	if (length > WEB_CONFIG_FILE_SIZE) {
		*ret_why = "is larger than 1 MiB";
		result = -EFBIG;
	}

	char *data = result == 0 ? malloc(length + 1) : NULL;

	if (data) {
		memcpy(data, buffer, length);
		data[length] = '\0';
		*ret_content = (struct blob){data, length};
	} else if (result == 0) {
		result = -ENOMEM;
	}
	/* Wipe all of it after an error: part of the file may have been read. */
	secret_free(buffer, got < 0 ? WEB_CONFIG_FILE_SIZE + 1 : length);
	return result;
}

int web_config_file_read(const char *path, struct blob *ret_content,
    struct web_config_file *ret_file, const char **ret_why)
{
	struct stat status;
	const char *why = NULL;
	/* The status comes before the content: a change in between is then seen later. */
	cleanup_close int fd = open_regular(path, &status, &why);
	const int result = fd < 0 ? fd : read_content(fd, ret_content, &why);

	if (result < 0) {
		*ret_why = why ? why : strerrordesc_np(-result);
		return result;
	}
	*ret_file = (struct web_config_file){
	    .device = status.st_dev,
	    .inode = status.st_ino,
	    .size = status.st_size,
	    .changed = status.st_ctim,
	};
	return 0;
}

int web_config_add_file(struct web_config *config, struct web_config_file file, char *path)
{
	struct web_config_file *files =
	    grow_for_one(config->files, config->files_length, sizeof(*files));

	if (!files) {
		free(path);
		return -ENOMEM;
	}
	config->files = files;
	file.path = path;
	config->files[config->files_length++] = file;
	return 0;
}

bool web_config_file_has_changed(const struct web_config_file *file)
{
	struct stat status;

	return stat(file->path, &status) < 0 || status.st_dev != file->device ||
	       status.st_ino != file->inode || status.st_size != file->size ||
	       status.st_ctim.tv_sec != file->changed.tv_sec ||
	       status.st_ctim.tv_nsec != file->changed.tv_nsec;
}
