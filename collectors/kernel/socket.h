/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SOCKET_H
#define EPHEMERA_SOCKET_H

/*
 * One socket as the kernel showed it, from any source. It lives on the stack of the walk; copy what
 * you need to keep.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum socket_protocol { SOCKET_TCP, SOCKET_UDP, SOCKET_PROTOCOLS };
enum socket_family { SOCKET_IPV4, SOCKET_IPV6, SOCKET_FAMILIES };

/*
 * TCP's states by the kernel's numbers (include/net/tcp_states.h). A UDP socket is
 * ESTABLISHED when it is connected and CLOSE when it is not.
 */
enum socket_state {
	SOCKET_ESTABLISHED = 1,
	SOCKET_SYN_SENT,
	SOCKET_SYN_RECV,
	SOCKET_FIN_WAIT1,
	SOCKET_FIN_WAIT2,
	SOCKET_TIME_WAIT,
	SOCKET_CLOSE,
	SOCKET_CLOSE_WAIT,
	SOCKET_LAST_ACK,
	SOCKET_LISTEN,
	SOCKET_CLOSING,
	SOCKET_NEW_SYN_RECV, /* in the kernel only: records say SYN_RECV */
	SOCKET_BOUND,	     /* BOUND_INACTIVE: bind(), but neither listen() nor connect() */
	SOCKET_STATES
};

#define SOCKET_QUEUE_LIMIT_UNKNOWN UINT32_MAX

/* An address in network byte order; an IPv4 address is the first four bytes, the rest is zero. */
struct socket_address {
	uint8_t bytes[16];
};

struct socket {
	enum socket_protocol protocol;
	enum socket_family family; /* of the addresses: an IPv4-mapped socket is IPv4 */
	enum socket_state state;
	uint16_t local_port;  /* host byte order */
	uint16_t remote_port; /* host byte order */
	struct socket_address local;
	struct socket_address remote;
	uint32_t interface; /* index of the interface that it is bound to; 0: none */
	uint32_t
	    expires_ms; /* until a TIME_WAIT timer frees the port, in TIME_WAIT and FIN_WAIT2 */
	uint32_t queue; /* LISTEN: connections waiting for accept() */
	uint32_t queue_limit; /* LISTEN: how many may wait, or SOCKET_QUEUE_LIMIT_UNKNOWN */
	uint32_t uid;	      /* meaningless for TIME_WAIT and SYN_RECV, which have no owner */
	uint32_t inode;	      /* 0: no file refers to it; or not known, see walk.h */
	bool is_abandoned;    /* its program closed it, and the kernel ends it alone */
	bool ipv6_only;	      /* an IPv6-only socket; false if it is not known */
	bool tells_ipv6_only; /* it is known: sock_diag shows it for LISTEN, CLOSE and BOUND */
	uint64_t cgroup_id;   /* inode of the cgroup's directory, 0: unknown */
	uint64_t cookie;      /* a number that no other socket ever has; 0: unknown */

	/* Only a walk of the kernel's tables (walk.h) tells the rest. */
	bool is_chosen; /* bind() got the local port by number */
	bool tells_chosen;
	bool has_timestamps; /* TIME_WAIT: its connection had TCP timestamps */
	bool tells_timestamps;
	uint16_t own_first_port; /* IP_LOCAL_PORT_RANGE, if connect() took the port; 0: none */
	uint16_t own_last_port;
	uint32_t namespace_id; /* see struct walk_namespace; 0: not known */
	bool tells_age;
	bool age_is_exact; /* set by a lookup that knows when it began */
	uint64_t age_ms;   /* how old it is at least */
};

#define SOCKET_ADDRESS_TEXT 64 /* room for any address, its zone and the final NUL */
#define SOCKET_ENDPOINT_TEXT (SOCKET_ADDRESS_TEXT + 8) /* the same, brackets and a port */

/* "tcp", "ipv4", "time_wait" and so on: the values of the metrics' labels; never NULL. */
const char *socket_protocol_name(enum socket_protocol protocol);
const char *socket_family_name(enum socket_family family);
const char *socket_state_name(enum socket_state state);

/*
 * Turns an IPv6 socket with IPv4-mapped addresses into an IPv4 socket, as the kernel treats it
 * (docs/semantics.md, "Inbound and outbound"). Both ends must be mapped, or one mapped and the
 * other unspecified: "::" by itself is a dual-stack wildcard and stays IPv6.
 */
void socket_normalise(struct socket *socket);

/*
 * Turns an IPv4-mapped address into the IPv4 address that it holds, as the kernel treats it.
 * Returns the family that it then has.
 */
enum socket_family socket_address_normalise(
    enum socket_family family, struct socket_address *address);

/* Whether uid, inode and cgroup mean something: TIME_WAIT and SYN_RECV have no owner. */
bool socket_has_owner(const struct socket *socket);

/*
 * Whether a program closed the TCP socket, and the other side has not ended it yet: FIN_WAIT1,
 * FIN_WAIT2, CLOSING or LAST_ACK, and no file refers to it. After shutdown() a program has it
 * still.
 */
bool socket_was_abandoned(const struct socket *socket, bool has_file);

/* Whether protocol, family, addresses, ports and the interface are the same. */
bool socket_same_ends(const struct socket *a, const struct socket *b);

bool socket_address_is_any(const struct socket_address *address);
bool socket_address_is_loopback(const struct socket_address *address, enum socket_family family);
bool socket_address_is_link_local(const struct socket_address *address, enum socket_family family);

/*
 * Writes the address without brackets into text. If interface is not 0, adds it as the zone of a
 * link-local IPv6 address, which means nothing without it.
 */
void socket_address_format(const struct socket_address *address, enum socket_family family,
    uint32_t interface, char text[static SOCKET_ADDRESS_TEXT]);

/*
 * The same for an address that a socket is bound to: if interface is not 0, any address gets the
 * zone, as in ss: 0.0.0.0%eth0.
 */
void socket_bound_format(const struct socket_address *address, enum socket_family family,
    uint32_t interface, char text[static SOCKET_ADDRESS_TEXT]);

/* Writes address:port into text; IPv6 in brackets. address: from one of the former two. */
void socket_endpoint_format(const char *address, enum socket_family family, uint16_t port,
    char text[static SOCKET_ENDPOINT_TEXT]);

#endif
