// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "exporter/base/number.h"
#include "exporter/daemon/listen.h"

static const char *parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port;

	if (strlen(text) > 5 || !number_parse(text, 1, UINT16_MAX, &port))
		return "the port must be a number from 1 to 65535";
	*ret_port = (uint16_t)port;
	return NULL;
}

static const char *parse_path(const char *path, struct listen_address *ret_address)
{
	struct listen_address address = {.kind = LISTEN_UNIX};

	if (!*path)
		return "the path is empty";
	if (*path == '@')
		return "must be a path: an abstract socket has no permissions";
	if (strlen(path) >= sizeof(address.path))
		return "the path is too long: the kernel allows 107 bytes";
	memcpy(address.path, path, strlen(path));
	*ret_address = address;
	return NULL;
}

const char *listen_parse(const char *text, struct listen_address *ret_address)
{
	struct listen_address address = {.kind = LISTEN_TCP};
	const char *colon = strrchr(text, ':');

	if (strncmp(text, LISTEN_UNIX_PREFIX, strlen(LISTEN_UNIX_PREFIX)) == 0)
		return parse_path(text + strlen(LISTEN_UNIX_PREFIX), ret_address);
	if (!colon)
		return "must be HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH";

	size_t length = (size_t)(colon - text);
	const char *host = text;

	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
		if (length == 0)
			return "there is no address in the brackets";
	} else if (memchr(host, ':', length)) {
		return "an IPv6 address must be in brackets";
	}
	if (length >= sizeof(address.host))
		return "the host is too long";
	memcpy(address.host, host, length);

	const char *wrong = parse_port(colon + 1, &address.port);

	if (wrong)
		return wrong;
	*ret_address = address;
	return NULL;
}

void listen_address_format(
    const struct listen_address *address, char text[static LISTEN_ADDRESS_TEXT])
{
	/* Brackets, since a host called unix would be read as the prefix of a path. */
	const bool brackets = strchr(address->host, ':') || strcmp(address->host, "unix") == 0;

	if (address->kind == LISTEN_UNIX)
		snprintf(text, LISTEN_ADDRESS_TEXT, LISTEN_UNIX_PREFIX "%s", address->path);
	else
		snprintf(text, LISTEN_ADDRESS_TEXT, brackets ? "[%s]:%u" : "%s:%u", address->host,
		    address->port);
}
