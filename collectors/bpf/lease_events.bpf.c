// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * `ephemera trace --leases`: who had which port. A program of its own, so that the exporter, which
 * counts and keeps no connection, does not pay for it.
 */
#include "collectors/bpf/lease_events.bpf.h"
#include "collectors/bpf/attempts.bpf.h"

#include <bpf/bpf_tracing.h>

#define IPPROTO_TCP 6

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

static __always_inline void connect_begins(struct sock *sk)
{
	__u64 cookie;

	/* A port that bind() holds was not leased by connect(). */
	if (sk->__sk_common.skc_num)
		return;
	cookie = bpf_get_socket_cookie(sk);
	if (local_port(sk))
		attempt_begins(sk, cookie);
	follow(sk, cookie);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(lease_state_changed, struct sock *sk, int oldstate, int newstate)
{
	if (newstate != TCP_CLOSE && newstate != TCP_SYN_SENT)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP || !is_ours(sk))
		return 0;
	if (newstate == TCP_SYN_SENT)
		connect_begins(sk);
	else
		end_lease(sk, oldstate, oldstate != TCP_SYN_SENT || !found_no_port(sk));
	return 0;
}
