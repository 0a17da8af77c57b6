// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/socket_units.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/procfs.h"
#include "exporter/base/number.h"

#define UNITS_MAX 1000
#define UNIT_SIZE_MAX 65536

/* "8080", "127.0.0.1:8080", "[::1]:8080": the digits at the end. Paths, @NAME and vsock have none
 * that are ports. */
static void add_address(const char *value, struct portset *ports)
{
	const char *colon = strrchr(value, ':');
	unsigned long port;

	if (strchr("/@%", value[0]) || strncmp(value, "vsock:", 6) == 0)
		return;
	if (number_parse(colon ? colon + 1 : value, 1, PORTS - 1, &port))
		portset_add(ports, (uint16_t)port);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* The value, if the line sets that key; else NULL. systemd allows blanks around each. */
static const char *value_of(const char *line, const char *end, const char *key)
{
	const size_t length = strlen(key);

	line = skip_blanks(line, end);
	if ((size_t)(end - line) <= length || strncmp(line, key, length) != 0)
		return NULL;
	line = skip_blanks(line + length, end);
	return line < end && *line == '=' ? skip_blanks(line + 1, end) : NULL;
}

static void parse_line(const char *line, const char *end, struct portset *ports)
{
	static const char *const keys[] = {"ListenStream", "ListenDatagram"};
	char text[128];

	while (end > line && is_blank(end[-1]))
		end--;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = value_of(line, end, keys[i]);

		/* The longest address is shorter. */
		if (!value || value == end || (size_t)(end - value) >= sizeof(text))
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)(end - value), value);
		add_address(text, ports);
	}
}

void socket_units_parse(const char *text, size_t length, struct portset *ports)
{
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline ? newline + 1 : end;

		parse_line(text, newline ? newline : end, ports);
		text = next;
	}
}

static bool ends_in(const char *name, const char *ending)
{
	const size_t length = strlen(name);
	const size_t wanted = strlen(ending);

	return length > wanted && strcmp(name + length - wanted, ending) == 0;
}

static void read_units(const char *directory, unsigned *left, struct portset *ports)
{
	DIR *list = opendir(directory);
	const struct dirent *entry;

	while (list && *left && (entry = readdir(list))) {
		cleanup_free char *text = NULL;
		size_t length;

		if (!ends_in(entry->d_name, ".socket"))
			continue;
		--*left;
		if (procfs_read_start(directory, entry->d_name, UNIT_SIZE_MAX, &text, &length) == 0)
			socket_units_parse(text, length, ports);
	}
	if (list)
		closedir(list);
}

int socket_units_read(const char *directory, struct portset *ports)
{
	DIR *list = opendir(directory);
	const struct dirent *entry;
	unsigned left = UNITS_MAX;
	char path[PATH_MAX];

	if (!list)
		return -errno;
	while ((entry = readdir(list)))
		if (ends_in(entry->d_name, ".wants") &&
		    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) <
			(int)sizeof(path))
			read_units(path, &left, ports);
	closedir(list);
	return 0;
}
