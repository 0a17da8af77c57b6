// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/inet_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define STATE_BIT(state) (1u << (state))
#define LISTEN_STATE STATE_BIT(SOCKET_LISTEN)
#define BOUND_STATE STATE_BIT(SOCKET_BOUND)
#define BIND_STATES (LISTEN_STATE | BOUND_STATE)
#define ALL_STATES (STATE_BIT(SOCKET_STATES) - 2u)

/* Netlink's messages and attributes start at multiples of four. */
#define ALIGN4(length) (((size_t)(length) + 3) & ~(size_t)3)

#define TIMER_TIME_WAIT 3 /* idiag_timer of a TIME_WAIT record, net/ipv4/inet_diag.c */

static const struct {
	const char *name;
	enum socket_protocol protocol;
	uint8_t family; /* AF_UNSPEC: the legacy request, which lists both at once */
	uint32_t states;
	bool chosen;
} listings[LISTINGS] = {
    [LISTING_TCP_LISTEN] = {"tcp_listen", SOCKET_TCP, AF_UNSPEC, LISTEN_STATE, false},
    [LISTING_TCP_CHOSEN] = {"tcp_chosen", SOCKET_TCP, AF_UNSPEC, ALL_STATES & ~BIND_STATES, true},
    [LISTING_TCP_BOUND] = {"tcp_bound", SOCKET_TCP, AF_UNSPEC, BOUND_STATE, false},
    /*
     * One dump for both: the kernel walks its bind table first, which warms the caches for the
     * other walk. Two dumps cost a quarter more.
     */
    [LISTING_TCP] = {"tcp", SOCKET_TCP, AF_UNSPEC, ALL_STATES & ~LISTEN_STATE, false},
    [LISTING_UDP4_CHOSEN] = {"udp4_chosen", SOCKET_UDP, AF_INET, ALL_STATES, true},
    [LISTING_UDP6_CHOSEN] = {"udp6_chosen", SOCKET_UDP, AF_INET6, ALL_STATES, true},
    [LISTING_UDP4] = {"udp4", SOCKET_UDP, AF_INET, ALL_STATES, false},
    [LISTING_UDP6] = {"udp6", SOCKET_UDP, AF_INET6, ALL_STATES, false},
    [LISTING_TCP_BINDS_CHOSEN] = {"tcp_binds_chosen", SOCKET_TCP, AF_UNSPEC, BIND_STATES, true},
    [LISTING_TCP_CONNECTED] = {"tcp_connected", SOCKET_TCP, AF_UNSPEC, ALL_STATES & ~BIND_STATES,
	false},
    [LISTING_UDP] = {"udp", SOCKET_UDP, AF_UNSPEC, ALL_STATES, false},
};

const char *listing_name(enum listing listing)
{
	return listings[listing].name;
}

enum socket_protocol listing_protocol(enum listing listing)
{
	return listings[listing].protocol;
}

bool listing_may_have(enum listing listing, const struct socket *socket)
{
	return listings[listing].protocol == socket->protocol &&
	       listings[listing].states & STATE_BIT(socket->state);
}

struct nlmsghdr *inet_diag_request(enum listing listing, const struct port_filter *filter,
    char buffer[static INET_DIAG_REQUEST_SIZE])
{
	unsigned char code[PORT_FILTER_CODE_SIZE];
	const size_t length = port_filter_compile(filter, listings[listing].chosen, code);

	memset(buffer, 0, INET_DIAG_REQUEST_SIZE);

	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (listings[listing].family == AF_UNSPEC) {
		/* Both families in one walk of the table: half the cost of two. */
		message->nlmsg_type = TCPDIAG_GETSOCK;

		struct inet_diag_req *request =
		    mnl_nlmsg_put_extra_header(message, sizeof(*request));

		request->idiag_states = listings[listing].states;
	} else {
		message->nlmsg_type = SOCK_DIAG_BY_FAMILY;

		struct inet_diag_req_v2 *request =
		    mnl_nlmsg_put_extra_header(message, sizeof(*request));

		request->sdiag_family = listings[listing].family;
		request->sdiag_protocol = IPPROTO_UDP;
		request->idiag_states = listings[listing].states;
	}
	if (length)
		mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, length, code);
	return message;
}

static int decode_state(enum listing listing, uint8_t state, enum socket_state *ret_state)
{
	if (state == 0 || state >= SOCKET_STATES)
		return -EBADMSG;
	if (state == SOCKET_NEW_SYN_RECV)
		state = SOCKET_SYN_RECV;
	/*
	 * BOUND_INACTIVE sockets come back as CLOSE. No other TCP socket does: tcp_set_state()
	 * takes a socket out of the tables before it becomes CLOSE.
	 */
	if (state == SOCKET_CLOSE && listings[listing].protocol == SOCKET_TCP)
		state = SOCKET_BOUND;
	*ret_state = (enum socket_state)state;
	return 0;
}

/*
 * By hand, since this runs for every attribute of every socket: libmnl's accessors are library
 * calls and made a walk of 200,000 sockets 3 % slower.
 */
static int decode_attributes(const struct nlmsghdr *message, struct socket *socket)
{
	const size_t start = NLMSG_HDRLEN + ALIGN4(sizeof(struct inet_diag_msg));
	const char *at = (const char *)message + start;
	size_t left = message->nlmsg_len - start;

	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		const size_t length = ALIGN4(attribute->nla_len);

		if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > left)
			return -EBADMSG;
		switch (attribute->nla_type & NLA_TYPE_MASK) {
		case INET_DIAG_CGROUP_ID:
			if (attribute->nla_len < sizeof(*attribute) + sizeof(socket->cgroup_id))
				return -EBADMSG;
			memcpy(
			    &socket->cgroup_id, at + sizeof(*attribute), sizeof(socket->cgroup_id));
			break;
		case INET_DIAG_SKV6ONLY:
			if (attribute->nla_len < sizeof(*attribute) + 1)
				return -EBADMSG;
			socket->ipv6_only = at[sizeof(*attribute)] != 0;
			socket->tells_ipv6_only = true;
			break;
		default:
			break;
		}
		if (length >= left)
			break;
		at += length;
		left -= length;
	}
	return 0;
}

int inet_diag_decode(enum listing listing, const struct nlmsghdr *message, struct socket *socket)
{
	const struct inet_diag_msg *record = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*record)))
		return -EBADMSG;
	if (record->idiag_family != AF_INET && record->idiag_family != AF_INET6)
		return -EBADMSG;
	memset(socket, 0, sizeof(*socket));

	int result = decode_state(listing, record->idiag_state, &socket->state);

	if (result < 0)
		return result;
	socket->protocol = listings[listing].protocol;
	socket->local_port = ntohs(record->id.idiag_sport);
	socket->remote_port = ntohs(record->id.idiag_dport);
	if (record->idiag_family == AF_INET) {
		socket->family = SOCKET_IPV4;
		memcpy(socket->local.bytes, record->id.idiag_src, 4);
		memcpy(socket->remote.bytes, record->id.idiag_dst, 4);
	} else {
		socket->family = SOCKET_IPV6;
		memcpy(socket->local.bytes, record->id.idiag_src, 16);
		memcpy(socket->remote.bytes, record->id.idiag_dst, 16);
	}
	socket->interface = record->id.idiag_if;
	if (record->idiag_timer == TIMER_TIME_WAIT)
		socket->expires_ms = record->idiag_expires;
	if (socket->state == SOCKET_LISTEN) {
		socket->queue = record->idiag_rqueue;
		socket->queue_limit = record->idiag_wqueue;
	}
	socket->cookie = (uint64_t)record->id.idiag_cookie[1] << 32 | record->id.idiag_cookie[0];
	socket->uid = record->idiag_uid;
	socket->inode = record->idiag_inode;
	socket->is_abandoned = socket_was_abandoned(socket, socket->inode != 0);
	result = decode_attributes(message, socket);
	if (result < 0)
		return result;
	socket_normalise(socket);
	return 0;
}
