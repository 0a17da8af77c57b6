/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_CONFLICTS_H
#define EPHEMERA_BPF_CONFLICTS_H

/* bind() and listen() that were refused the port they asked for: counts them by port. */

#include "collectors/bpf/failures.bpf.h"

#define SOCK_BINDPORT_LOCK 8 /* include/net/sock.h: bind() asked for the port by number */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TALLY_CONFLICTS);
	__type(key, __u32);
	__type(value, struct tally_place);
} conflicts SEC(".maps");

/* inet_csk_listen_start() enters LISTEN before it asks for the port, and leaves it if refused. */
static __always_inline bool is_listen(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->__sk_common.skc_state == TCP_LISTEN;
}

/*
 * Whether the caller asked for that port. listen() asks for the one that the socket has, which may
 * be of the kernel's choice: then no one asked for it.
 */
static __always_inline bool is_asked_for(struct sock *sk)
{
	return !is_listen(sk) || BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

static __always_inline void tell_conflict(struct sock *sk, __u16 port, enum exhausted_call call)
{
	const __u32 nowhere[4] = {0};
	__u32 local[4];
	const __u8 family = read_address(
	    sk, &sk->__sk_common.skc_v6_rcv_saddr, sk->__sk_common.skc_rcv_saddr, local);
	struct refusal refusal = {.port = port};

	if (is_listen(sk))
		refusal.flags |= REFUSED_LISTEN;
	if (family == 1 && BPF_CORE_READ_BITFIELD(&sk->__sk_common, skc_ipv6only))
		refusal.flags |= REFUSED_IPV6_ONLY;
	tell(sk, call, family, nowhere, cgroup_of(sk), refusal);
}

/*
 * inet_csk_get_port() or udp_lib_get_port() refused a port that is not 0. Whatever they return,
 * bind() and listen() then fail with EADDRINUSE: older kernels return 1, such as Linux 6.1, and
 * newer ones -EADDRINUSE (__inet_bind() in net/ipv4/af_inet.c). What refuses a bind() for another
 * reason, such as a privileged port or a security module, does so before they are called, or, a
 * cgroup's program, after they have succeeded.
 */
static __always_inline void port_refused(struct sock *sk, __u16 port, enum exhausted_call call)
{
	const struct tally_key key = {.words = {conflict_word(sk->sk_protocol, port), 0, 0}};

	if (!is_asked_for(sk))
		return;
	if (!tally(&conflicts, TALLY_CONFLICTS, &key))
		__sync_fetch_and_add(&shared.untracked_conflicts, 1);
	if (tells_events)
		tell_conflict(sk, port, call);
}

#endif
