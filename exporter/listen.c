// SPDX-License-Identifier: Apache-2.0
#include "exporter/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

static const char *parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port = 0;

	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 5)
		return "the port must be a number from 1 to 65535";
	port = strtoul(text, NULL, 10);
	if (port < 1 || port > UINT16_MAX)
		return "the port must be a number from 1 to 65535";
	*ret_port = (uint16_t)port;
	return NULL;
}

const char *listen_parse(const char *text, struct listen_address *ret_address)
{
	struct listen_address address = {{0}, 0};
	const char *colon = strrchr(text, ':');

	if (!colon)
		return "it must be HOST:PORT, [IPV6]:PORT or :PORT";

	size_t length = (size_t)(colon - text);
	const char *host = text;

	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
		if (length == 0)
			return "there is no address in the brackets";
	} else if (memchr(host, ':', length)) {
		return "an IPv6 address must stand in brackets";
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

static int open_one(const struct addrinfo *info, bool dual_stack)
{
	const int on = 1;
	const int v6_only = !dual_stack;
	const int fd = socket(info->ai_family,
	    info->ai_socktype | (int)SOCK_CLOEXEC | (int)SOCK_NONBLOCK, info->ai_protocol);

	if (fd < 0)
		return -errno;
	/* A restart must not wait for what its predecessor left in TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (info->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void format_address(int fd, char text[static LISTEN_TEXT_SIZE])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char host[48] = "?";
	char port[8] = "?";

	if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
		(void)getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, LISTEN_TEXT_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int listen_open(const struct listen_address *address, char ret_text[static LISTEN_TEXT_SIZE])
{
	const bool any = address->host[0] == '\0';
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char port[8];
	int fd = -EADDRNOTAVAIL;

	snprintf(port, sizeof(port), "%u", address->port);
	/* "::" takes IPv4 too; where IPv6 is switched off, the loop comes to 0.0.0.0. */
	if (getaddrinfo(any ? NULL : address->host, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	for (int family = AF_INET6; family >= 0 && fd < 0;
	     family = family == AF_INET6 ? AF_INET : -1) {
		for (const struct addrinfo *i = found; i && fd < 0; i = i->ai_next)
			if (i->ai_family == family)
				fd = open_one(i, any);
		if (fd == -EADDRINUSE)
			break;
	}
	freeaddrinfo(found);
	if (fd >= 0)
		format_address(fd, ret_text);
	return fd;
}
