// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/openness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

void openness_find_address(int fd, struct openness *openness)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} address = {.any = {0}};
	socklen_t size = sizeof(address);
	char host[INET6_ADDRSTRLEN];

	if (getsockname(fd, &address.any, &size) < 0)
		return;
	if (address.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address.ipv4.sin_addr, host, sizeof(host));
		snprintf(openness->reached, sizeof(openness->reached), "%s:%u", host,
		    ntohs(address.ipv4.sin_port));
	} else if (address.any.sa_family == AF_INET6) {
		const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&address.ipv6.sin6_addr);
		const unsigned char *bytes = address.ipv6.sin6_addr.s6_addr;

		inet_ntop(is_mapped ? AF_INET : AF_INET6, is_mapped ? bytes + 12 : bytes, host,
		    sizeof(host));
		snprintf(openness->reached, sizeof(openness->reached),
		    is_mapped ? "%s:%u" : "[%s]:%u", host, ntohs(address.ipv6.sin6_port));
	}
}

bool openness_is_known(const struct openness *openness)
{
	return openness->has_password || (openness->is_local && !openness->password);
}

static void add_place(struct text *text, const struct openness *openness, const char *listening)
{
	if (openness_is_known(openness) && listening) {
		text_add_string(text, "It listens on ");
		text_add_string(text, listening);
	} else {
		text_add_string(text, "You reached it at ");
		text_add_string(text, openness->reached[0] ? openness->reached : "a unix socket");
	}
	text_add_string(text, ". ");
}

void openness_add(
    struct text *text, const struct openness *openness, const char *listening, bool api)
{
	add_place(text, openness, listening);
	if (openness->password && !openness->has_password) {
		text_add_string(text, "It asks for a password, but not for this page.");
		return;
	}
	if (openness->password)
		text_add_string(text, openness->certificate
					  ? "It asks for a client certificate and a password."
					  : "It asks for a password.");
	else if (openness->certificate)
		text_add_string(text, "It asks for a client certificate, but for no password.");
	else
		text_add_string(text,
		    "It asks for no password: everyone who can connect can read the metrics.");
	if (!api)
		text_add_string(text, " The API is off.");
	else if (openness->api_refuses)
		text_add_string(text,
		    " The API is not for this client: it shows all network namespaces, on loopback "
		    "and unix sockets, or for a password or a verified client certificate.");
	else
		text_add_string(
		    text, " The API is on: it also shows addresses, users and command lines.");
}
