// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/peer.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum kind { KIND_UNKNOWN, KIND_IPV4, KIND_IPV6, KIND_USER, KIND_IPV6_NETWORK };

#define IPV6_PREFIX_BYTES 8
#define IPV6_NETWORK_BYTES 6

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

/* fe80::/64 is the prefix of every link, so the interface tells one link from another. */
static void set_ipv6(struct peer *peer, const struct sockaddr_in6 *address)
{
	set(peer, KIND_IPV6, address->sin6_addr.s6_addr, IPV6_PREFIX_BYTES);
	if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr))
		memcpy(&peer->bytes[1 + IPV6_PREFIX_BYTES], &address->sin6_scope_id,
		    sizeof(address->sin6_scope_id));
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
			set_ipv6(&peer, &address.ipv6);
		peer.is_loopback |= IN6_IS_ADDR_LOOPBACK(&address.ipv6.sin6_addr);
	} else if (address.any.sa_family == AF_UNIX) {
		struct ucred user;

		peer.is_unix = true;
		size = sizeof(user);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0)
			set(&peer, KIND_USER, &user.uid, sizeof(user.uid));
	}
	return peer;
}

bool peer_network(const struct peer *peer, struct peer *ret_network)
{
	if (peer->bytes[0] != KIND_IPV6)
		return false;
	*ret_network = (struct peer){{0}};
	set(ret_network, KIND_IPV6_NETWORK, &peer->bytes[1], IPV6_NETWORK_BYTES);
	return true;
}

bool peer_is_same(const struct peer *a, const struct peer *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
