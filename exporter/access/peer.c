// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/peer.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum kind { KIND_UNKNOWN, KIND_IPV4, KIND_IPV6, KIND_USER };

#define IPV6_PREFIX_BYTES 8

static void set(struct peer *peer, enum kind kind, const void *bytes, size_t length)
{
	peer->bytes[0] = (unsigned char)kind;
	memcpy(&peer->bytes[1], bytes, length);
}

static void set_ipv4(struct peer *peer, const unsigned char *bytes)
{
	set(peer, KIND_IPV4, bytes, 4);
	peer->is_loopback = bytes[0] == IN_LOOPBACKNET;
}

struct peer peer_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
		struct sockaddr_storage storage;
	} address = {.storage = {0}};
	socklen_t size = sizeof(address);
	struct peer peer = {{KIND_UNKNOWN}};

	if (getpeername(fd, &address.any, &size) < 0)
		return peer;
	if (address.any.sa_family == AF_INET) {
		set_ipv4(&peer, (const unsigned char *)&address.ipv4.sin_addr);
	} else if (address.any.sa_family == AF_INET6) {
		const unsigned char *bytes = address.ipv6.sin6_addr.s6_addr;

		if (IN6_IS_ADDR_V4MAPPED(&address.ipv6.sin6_addr))
			set_ipv4(&peer, bytes + 12);
		else
			set(&peer, KIND_IPV6, bytes, IPV6_PREFIX_BYTES);
		peer.is_loopback |= IN6_IS_ADDR_LOOPBACK(&address.ipv6.sin6_addr);
	} else if (address.any.sa_family == AF_UNIX) {
		struct ucred user;

		size = sizeof(user);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0)
			set(&peer, KIND_USER, &user.uid, sizeof(user.uid));
	}
	return peer;
}

bool peer_is_same(const struct peer *a, const struct peer *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
