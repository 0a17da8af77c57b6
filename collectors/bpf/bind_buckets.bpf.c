// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What sock_diag does not show about TCP sockets. First, the ports that are lost to every connect()
 * because bind() made their bucket: of sockets that were bound to port 0 and then connected, and of
 * TIME_WAIT. Second, the TIME_WAIT that connect() never takes over because it had no timestamps.
 */
#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "collectors/bpf/bind_buckets.h"

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

/* User space empties it before a walk. */
struct buckets_found found;

/* Writes an IPv4-mapped IPv6 address as IPv4. */
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

		/* Otherwise the compiler removes what shows the verifier that it is in bounds. */
		barrier_var(bit);
		bit &= STAMPS_BITS - 1;
		found.unstamped[bit / 64] |= 1ull << (bit % 64);
	}
}

/* IP_LOCAL_PORT_RANGE, in the form since Linux 6.8. */
static __always_inline __u32 own_range_of(struct inet_sock *socket)
{
	struct inet_sock___split *split = (struct inet_sock___split *)socket;

	if (bpf_core_field_exists(socket->local_port_range))
		return socket->local_port_range;
	if (bpf_core_field_exists(split->local_port_range.lo))
		return (__u32)split->local_port_range.hi << 16 | split->local_port_range.lo;
	return 0;
}

/* An end outside the namespace's range is replaced by that range's end:
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
	/* The check of __inet_hash_connect() that skips a port. */
	return bucket->fastreuse >= 0 || bucket->fastreuseport >= 0;
}

static __always_inline struct inet_bind_bucket *bucket_of(struct sock_common *socket)
{
	struct inet_bind_bucket *bucket;
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);

	if (!tcp)
		return NULL;
	/* Not for a connection that is not accepted yet: its port is the listener's. */
	bucket = tcp->inet_conn.icsk_bind_hash;
	/* Accepted ones have the listener's range, and took no port. */
	if (bucket && !is_bound(bucket))
		note_own_range(own_range_of(&tcp->inet_conn.icsk_inet));
	return bucket;
}

static __always_inline struct inet_bind_bucket *look_at_time_wait(struct sock_common *socket)
{
	struct tcp_timewait_sock *waiting = bpf_skc_to_tcp_timewait_sock(socket);

	if (!waiting)
		return NULL;
	/* The check of tcp_twsk_unique(), without the settings. */
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
