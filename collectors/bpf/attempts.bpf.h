/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_ATTEMPTS_H
#define EPHEMERA_BPF_ATTEMPTS_H

/* Finds out whether a connect() found a port, also on a socket that had one before. */

#include "collectors/bpf/socket.bpf.h"

/*
 * A call notes its attempt, looks for a port, and looks up the attempt. So places are needed only
 * for the calls that run at the same time; if all are taken, the oldest note is dropped.
 */
#define ATTEMPTS_PLACES 1024 /* a power of two */
#define ATTEMPTS_BESIDE 8    /* a power of two */

struct attempts {
	__u64 begun;
	__u64 latest[ATTEMPTS_BESIDE]; /* attempt_of(); 0: none */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ATTEMPTS_PLACES);
	__type(key, __u32);
	__type(value, struct attempts);
} attempts SEC(".maps");

static __always_inline struct attempts *attempts_beside(__u64 cookie)
{
	const __u32 at = cookie & (ATTEMPTS_PLACES - 1);

	return bpf_map_lookup_elem(&attempts, &at);
}

/*
 * The socket, and a number that changes with its port: tcp_v4_connect() and tcp_v6_connect() give
 * it a new random number, sk_set_txhash(), once they have found a port, and nothing else does while
 * they hold its lock. sk_err is no use: it may be from an earlier connection.
 */
static __always_inline __u64 attempt_of(struct sock *sk, __u64 cookie)
{
	return cookie << 32 | sk->sk_txhash;
}

/*
 * For a connect() on a socket that had a port before and has none now. Others need no note: see
 * found_no_port().
 */
static __always_inline void attempt_begins(struct sock *sk, __u64 cookie)
{
	struct attempts *beside = attempts_beside(cookie);
	__u32 at;

	if (!beside)
		return;
	at = __sync_fetch_and_add(&beside->begun, 1) & (ATTEMPTS_BESIDE - 1);
	beside->latest[at] = attempt_of(sk, cookie);
}

/*
 * Whether a socket goes from SYN_SENT to CLOSE because there was no port for it. If it never had
 * one, inet_sport is 0. If it had one, inet_sport still has it: inet_put_port() clears only
 * inet_num, which is 0 now in both cases.
 */
static __always_inline bool found_no_port(struct sock *sk)
{
	const __u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct attempts *beside;
	__u64 attempt;

	if (local_port(sk) == 0)
		return true;
	beside = cookie ? attempts_beside(cookie) : NULL;
	if (!beside)
		return false;
	attempt = attempt_of(sk, cookie);
#pragma unroll
	for (__u32 i = 0; i < ATTEMPTS_BESIDE; i++) {
		if (beside->latest[i] == attempt) {
			/* The next call may have a port from bind(), and the same number. */
			beside->latest[i] = 0;
			return true;
		}
	}
	return false;
}

#endif
