// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Counts the calls that found no port or were refused one, and times how long ports are held. It
 * runs in the kernel at every change of a TCP socket's state, so it first returns for what does not
 * matter.
 *
 * User space reads the maps and globals in mapped memory, without a call and without a privilege.
 */
#include "collectors/bpf/attempts.bpf.h"
#include "collectors/bpf/conflicts.bpf.h"
#include "collectors/bpf/elsewhere.bpf.h"
#include "collectors/bpf/failures.bpf.h"
#include "collectors/bpf/leases.bpf.h"
#include "collectors/bpf/openers.bpf.h"

#include <bpf/bpf_tracing.h>

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

/* Set before loading; the verifier removes code that they switch off. */
const volatile bool times_leases;

static __always_inline void connect_begins(struct sock *sk)
{
	bool had_port;
	__u64 cookie;

	/* A port that bind() holds was not leased by connect(). */
	if (sk->__sk_common.skc_num) {
		if (times_leases)
			forget_lease(sk);
		return;
	}
	had_port = local_port(sk);
	if (!had_port && !times_leases)
		return;
	cookie = bpf_get_socket_cookie(sk);
	if (had_port)
		attempt_begins(sk, cookie);
	if (times_leases)
		lease_begins(cookie);
}

/* What ended in oldstate: a connect(), or a lease, in nanoseconds. */
static __always_inline void count(struct sock *sk, int oldstate, bool failed, __u64 held_ns)
{
	const bool opened = oldstate == TCP_SYN_SENT && !failed;

	if (failed)
		connect_failed(sk);
	if (counts_openers && (opened || held_ns))
		count_opener(sk, opened, held_ns);
}

static __always_inline void count_in_another(
    struct sock *sk, int oldstate, bool failed, __u64 held_ns)
{
	const bool opened = oldstate == TCP_SYN_SENT && !failed;

	if (failed)
		failed_elsewhere(sk, EXHAUSTED_CONNECT);
	else if (opened || held_ns)
		count_elsewhere(sk, opened, held_ns);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sk, int oldstate, int newstate)
{
	bool ours;
	bool failed;
	__u64 held_ns;

	if (newstate != TCP_CLOSE && newstate != TCP_SYN_SENT && oldstate != TCP_SYN_SENT)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	ours = is_ours(sk);
	if (!ours && !counts_elsewhere)
		return 0;
	if (newstate == TCP_SYN_SENT) {
		connect_begins(sk);
		return 0;
	}
	/*
	 * tcp_v4_connect() and tcp_v6_connect() enter SYN_SENT before they look for a port, and go
	 * back to CLOSE if there is none.
	 */
	failed = oldstate == TCP_SYN_SENT && newstate == TCP_CLOSE && found_no_port(sk);
	held_ns = times_leases ? follow_lease(sk, oldstate, newstate, !failed, ours) : 0;
	if (ours)
		count(sk, oldstate, failed, held_ns);
	else if (counts_elsewhere)
		count_in_another(sk, oldstate, failed, held_ns);
	return 0;
}

static __always_inline void got_no_port(
    struct sock *sk, __u16 port, __u16 protocol, enum exhausted_call call)
{
	if (sk->sk_protocol != protocol)
		return;
	if (is_ours(sk)) {
		if (port)
			port_refused(sk, port, call);
		else
			bind_failed(sk, call);
	} else if (counts_elsewhere && !port) {
		failed_elsewhere(sk, call);
	}
}

/*
 * bind(), listen() and automatic binds get their port from these two: 0 asks for any port, and they
 * return 0 if there was one. Both are exported to modules, so they are as stable as kernel
 * functions are: net/ipv4/udp.c, net/ipv4/inet_connection_sock.c. A call that succeeds leaves at
 * once.
 */
SEC("fexit/udp_lib_get_port")
int BPF_PROG(udp_got_port, struct sock *sk, unsigned short port, unsigned int hash, int result)
{
	if (result)
		got_no_port(sk, port, IPPROTO_UDP, EXHAUSTED_BIND_UDP);
	return 0;
}

SEC("fexit/inet_csk_get_port")
int BPF_PROG(tcp_got_port, struct sock *sk, unsigned short port, int result)
{
	if (result)
		got_no_port(sk, port, IPPROTO_TCP, EXHAUSTED_BIND_TCP);
	return 0;
}
