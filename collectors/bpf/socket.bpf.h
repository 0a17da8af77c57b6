/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_SOCKET_H
#define EPHEMERA_BPF_SOCKET_H

/* Reads a socket. */

#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The network namespace that is watched; 0: all are. Set before loading. */
const volatile __u32 namespace_inode;

static __always_inline bool is_ours(struct sock *sk)
{
	return !namespace_inode || sk->__sk_common.skc_net.net->ns.inum == namespace_inode;
}

/* The socket's local port. Not from inet_num, which is 0 once the socket closes. */
static __always_inline __u16 local_port(struct sock *sk)
{
	/* The verifier does not allow reading beyond struct sock without this. */
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp ? bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport) : 0;
}

/* Writes the address, one mapped into IPv6 as IPv4. Returns the index of its family. */
static __always_inline __u8 read_address(
    struct sock *sk, const struct in6_addr *ipv6, __be32 ipv4, __u32 words[4])
{
	if (sk->__sk_common.skc_family == AF_INET6) {
		words[0] = ipv6->in6_u.u6_addr32[0];
		words[1] = ipv6->in6_u.u6_addr32[1];
		words[2] = ipv6->in6_u.u6_addr32[2];
		words[3] = ipv6->in6_u.u6_addr32[3];
		if (words[0] || words[1] || words[2] != bpf_htonl(0xffff))
			return 1;
		ipv4 = words[3];
	}
	words[0] = ipv4;
	words[1] = words[2] = words[3] = 0;
	return 0;
}

static __always_inline bool is_loopback(struct sock *sk)
{
	__u32 words[4];
	const __be32 mask = bpf_htonl(0xff000000);
	const __be32 loopback = bpf_htonl(0x7f000000);

	if (sk->__sk_common.skc_bound_dev_if == LOOPBACK_IFINDEX)
		return true;
	if (read_address(sk, &sk->__sk_common.skc_v6_daddr, sk->__sk_common.skc_daddr, words) == 0)
		return (words[0] & mask) == loopback ||
		       (sk->__sk_common.skc_rcv_saddr & mask) == loopback;
	return !words[0] && !words[1] && !words[2] && words[3] == bpf_htonl(1);
}

#endif
