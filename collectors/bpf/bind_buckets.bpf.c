// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Which ports are lost to every connect() since a bind() made their bucket: what sock_diag
 * does not tell of a socket that was bound to port 0 and then connected, nor of TIME_WAIT.
 */
#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The kernel lets no other program call what is offered under the GPL only. */
char LICENSE[] SEC("license") = "GPL";

/* One bit for each port, as struct portset has it; user space empties it before a walk. */
__u64 ports[65536 / 64];

static __always_inline struct inet_bind_bucket *bucket_of(struct sock_common *socket)
{
	if (socket->skc_state == TCP_TIME_WAIT) {
		struct tcp_timewait_sock *waiting = bpf_skc_to_tcp_timewait_sock(socket);

		return waiting ? waiting->tw_sk.tw_tb : NULL;
	}

	/* None of a connection that is not accepted yet: its port is the listener's. */
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);

	return tcp ? tcp->inet_conn.icsk_bind_hash : NULL;
}

SEC("iter/tcp")
int note_bound(struct bpf_iter__tcp *context)
{
	struct sock_common *socket = context->sk_common;
	struct inet_bind_bucket *bucket;
	__u16 port;

	if (!socket)
		return 0;
	bucket = bucket_of(socket);
	/* What __inet_hash_connect() asks before it leaves a port to its holders. */
	if (!bucket || (bucket->fastreuse < 0 && bucket->fastreuseport < 0))
		return 0;
	port = socket->skc_num;
	ports[port / 64] |= 1ull << (port % 64);
	return 0;
}
