// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/socket.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "collectors/kernel/interface.h"

const char *socket_protocol_name(enum socket_protocol protocol)
{
	return protocol == SOCKET_TCP ? "tcp" : "udp";
}

const char *socket_family_name(enum socket_family family)
{
	return family == SOCKET_IPV4 ? "ipv4" : "ipv6";
}

const char *socket_state_name(enum socket_state state)
{
	static const char *const names[SOCKET_STATES] = {
	    [SOCKET_ESTABLISHED] = "established",
	    [SOCKET_SYN_SENT] = "syn_sent",
	    [SOCKET_SYN_RECV] = "syn_recv",
	    [SOCKET_FIN_WAIT1] = "fin_wait1",
	    [SOCKET_FIN_WAIT2] = "fin_wait2",
	    [SOCKET_TIME_WAIT] = "time_wait",
	    [SOCKET_CLOSE] = "close",
	    [SOCKET_CLOSE_WAIT] = "close_wait",
	    [SOCKET_LAST_ACK] = "last_ack",
	    [SOCKET_LISTEN] = "listen",
	    [SOCKET_CLOSING] = "closing",
	    [SOCKET_BOUND] = "bound",
	};

	return state < SOCKET_STATES && names[state] ? names[state] : "unknown";
}

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const struct socket_address *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void unmap(struct socket_address *address)
{
	struct socket_address plain = {{0}};

	if (is_mapped(address))
		memcpy(plain.bytes, address->bytes + sizeof(mapped_prefix), 4);
	*address = plain;
}

enum socket_family socket_address_normalise(
    enum socket_family family, struct socket_address *address)
{
	if (family == SOCKET_IPV4 || !is_mapped(address))
		return family;
	unmap(address);
	return SOCKET_IPV4;
}

void socket_normalise(struct socket *socket)
{
	if (socket->family != SOCKET_IPV6)
		return;
	const bool local_mapped = is_mapped(&socket->local);
	const bool remote_mapped = is_mapped(&socket->remote);

	if (!local_mapped && !remote_mapped)
		return;
	if ((!local_mapped && !socket_address_is_any(&socket->local)) ||
	    (!remote_mapped && !socket_address_is_any(&socket->remote)))
		return;
	unmap(&socket->local);
	unmap(&socket->remote);
	socket->family = SOCKET_IPV4;
}

bool socket_has_owner(const struct socket *socket)
{
	return socket->state != SOCKET_TIME_WAIT && socket->state != SOCKET_SYN_RECV;
}

bool socket_was_abandoned(const struct socket *socket, bool has_file)
{
	const unsigned ending = 1u << SOCKET_FIN_WAIT1 | 1u << SOCKET_FIN_WAIT2 |
				1u << SOCKET_CLOSING | 1u << SOCKET_LAST_ACK;

	return socket->protocol == SOCKET_TCP && !has_file && (ending >> socket->state & 1);
}

bool socket_same_ends(const struct socket *a, const struct socket *b)
{
	return a->protocol == b->protocol && a->family == b->family &&
	       a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       a->interface == b->interface &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
	       memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0;
}

bool socket_address_is_any(const struct socket_address *address)
{
	static const struct socket_address any;

	return memcmp(address, &any, sizeof(any)) == 0;
}

bool socket_address_is_loopback(const struct socket_address *address, enum socket_family family)
{
	static const struct socket_address loopback6 = {{[15] = 1}};

	if (family == SOCKET_IPV4)
		return address->bytes[0] == 127;
	return memcmp(address, &loopback6, sizeof(loopback6)) == 0;
}

bool socket_address_is_link_local(const struct socket_address *address, enum socket_family family)
{
	return family == SOCKET_IPV6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

void socket_bound_format(const struct socket_address *address, enum socket_family family,
    uint32_t interface, char text[static SOCKET_ADDRESS_TEXT])
{
	char name[IF_NAMESIZE];

	text[0] = '\0';
	inet_ntop(
	    family == SOCKET_IPV4 ? AF_INET : AF_INET6, address->bytes, text, SOCKET_ADDRESS_TEXT);
	if (!interface)
		return;

	const size_t length = strlen(text);

	if (interface_name(interface, name) == 0)
		snprintf(text + length, SOCKET_ADDRESS_TEXT - length, "%%%s", name);
	else
		snprintf(text + length, SOCKET_ADDRESS_TEXT - length, "%%%u", interface);
}

void socket_address_format(const struct socket_address *address, enum socket_family family,
    uint32_t interface, char text[static SOCKET_ADDRESS_TEXT])
{
	socket_bound_format(
	    address, family, socket_address_is_link_local(address, family) ? interface : 0, text);
}

void socket_endpoint_format(const char *address, enum socket_family family, uint16_t port,
    char text[static SOCKET_ENDPOINT_TEXT])
{
	snprintf(
	    text, SOCKET_ENDPOINT_TEXT, family == SOCKET_IPV6 ? "[%s]:%u" : "%s:%u", address, port);
}
