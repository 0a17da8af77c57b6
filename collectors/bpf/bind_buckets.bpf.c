// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What sock_diag does not tell of TCP sockets: which ports are lost to every connect() since a
 * bind() made their bucket, as of a socket that was bound to port 0 and then connected, and of
 * TIME_WAIT; and which TIME_WAIT connect() never takes over, as its connection had no timestamps.
 */
#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "collectors/bpf/bind_buckets.h"

/* The kernel lets no other program call what is offered under the GPL only. */
char LICENSE[] SEC("license") = "GPL";

/* User space empties it before a walk. */
struct buckets_found found;

/* One that is mapped into IPv6 as IPv4; others of IPv4 as they are. */
static __always_inline void read_address(
    struct sock_common *socket, const struct in6_addr *ipv6, __be32 ipv4, __u32 words[4])
{
	words[0] = ipv4;
	words[1] = words[2] = words[3] = 0;
	if (socket->skc_family != AF_INET6)
		return;
	if (!ipv6->in6_u.u6_addr32[0] && !ipv6->in6_u.u6_addr32[1] &&
	    ipv6->in6_u.u6_addr32[2] == bpf_htonl(0xffff)) {
		words[0] = ipv6->in6_u.u6_addr32[3];
		return;
	}
	words[0] = ipv6->in6_u.u6_addr32[0];
	words[1] = ipv6->in6_u.u6_addr32[1];
	words[2] = ipv6->in6_u.u6_addr32[2];
	words[3] = ipv6->in6_u.u6_addr32[3];
}

static __always_inline void note_unstamped(struct sock_common *socket)
{
	struct stamps_key key;
	__u64 hash;

	read_address(socket, &socket->skc_v6_rcv_saddr, socket->skc_rcv_saddr, key.local);
	read_address(socket, &socket->skc_v6_daddr, socket->skc_daddr, key.remote);
	key.ports = (__u32)socket->skc_num << 16 | bpf_ntohs(socket->skc_dport);
	hash = stamps_hash(found.seed, &key);
#pragma unroll
	for (__u32 i = 0; i < STAMPS_BITS_EACH; i++) {
		__u64 bit = stamps_bit(hash, i);

		/* Or the compiler leaves out what tells the verifier that it is in bounds. */
		barrier_var(bit);
		bit &= STAMPS_BITS - 1;
		found.unstamped[bit / 64] |= 1ull << (bit % 64);
	}
}

/* IP_LOCAL_PORT_RANGE, as the kernel keeps it since 6.8. */
static __always_inline __u32 own_range_of(struct inet_sock *socket)
{
	struct inet_sock___split *split = (struct inet_sock___split *)socket;

	if (bpf_core_field_exists(socket->local_port_range))
		return socket->local_port_range;
	if (bpf_core_field_exists(split->local_port_range.lo))
		return (__u32)split->local_port_range.hi << 16 | split->local_port_range.lo;
	return 0;
}

/* Where an end is outside of the namespace's range that one's holds:
 * inet_sk_get_local_port_range(). */
static __always_inline void note_own_range(__u32 range)
{
	__u32 first = range & 0xffff;
	__u32 last = range >> 16;
	__u32 ports;

	if (!range)
		return;
	if (first < found.first_port || first > found.last_port)
		first = found.first_port;
	if (last < found.first_port || last > found.last_port)
		last = found.last_port;
	ports = last - first + 1;
	found.own_range_sockets++;
	if (!found.narrowest_own_range || ports < found.narrowest_own_range)
		found.narrowest_own_range = ports;
}

static __always_inline bool is_bound(struct inet_bind_bucket *bucket)
{
	/* What __inet_hash_connect() asks before it leaves a port to its holders. */
	return bucket->fastreuse >= 0 || bucket->fastreuseport >= 0;
}

static __always_inline struct inet_bind_bucket *bucket_of(struct sock_common *socket)
{
	struct inet_bind_bucket *bucket;
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);

	if (!tcp)
		return NULL;
	/* None of a connection that is not accepted yet: its port is the listener's. */
	bucket = tcp->inet_conn.icsk_bind_hash;
	/* Accepted ones have a listener's range, and took no port. */
	if (bucket && !is_bound(bucket))
		note_own_range(own_range_of(&tcp->inet_conn.icsk_inet));
	return bucket;
}

static __always_inline struct inet_bind_bucket *look_at_time_wait(struct sock_common *socket)
{
	struct tcp_timewait_sock *waiting = bpf_skc_to_tcp_timewait_sock(socket);

	if (!waiting)
		return NULL;
	/* What tcp_twsk_unique() asks, whatever the settings are by now. */
	if (!waiting->tw_ts_recent_stamp)
		note_unstamped(socket);
	return waiting->tw_sk.tw_tb;
}

SEC("iter/tcp")
int note_bound(struct bpf_iter__tcp *context)
{
	struct sock_common *socket = context->sk_common;
	struct inet_bind_bucket *bucket;
	__u16 port;

	if (!socket)
		return 0;
	bucket = socket->skc_state == TCP_TIME_WAIT ? look_at_time_wait(socket) : bucket_of(socket);
	if (!bucket || !is_bound(bucket))
		return 0;
	port = socket->skc_num;
	found.bound[port / 64] |= 1ull << (port % 64);
	return 0;
}
