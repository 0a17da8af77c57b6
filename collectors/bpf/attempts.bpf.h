/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_ATTEMPTS_H
#define EPHEMERA_BPF_ATTEMPTS_H

/* Whether a connect() found a port, also on a socket that had one before. */

#include "collectors/bpf/socket.bpf.h"

/*
 * A call notes its attempt, looks for a port, and looks the attempt up. So the places are for
 * the calls that are under way at once; where they are taken, the oldest note gives way.
 */
#define ATTEMPTS_PLACES 1024 /* a power of two */
#define ATTEMPTS_BESIDE 8    /* likewise */

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
 * The socket, and what it has of its latest port: tcp_v4_connect() and tcp_v6_connect() give it
 * another random number, sk_set_txhash(), as soon as they found a port, and nothing else does
 * while they hold its lock. sk_err tells less: it may still be that of an earlier connection.
 */
static __always_inline __u64 attempt_of(struct sock *sk, __u64 cookie)
{
	return cookie << 32 | sk->sk_txhash;
}

/*
 * For a connect() that begins on a socket which had a port before, and has none now. Others need
 * no note: see found_no_port().
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
 * Whether a socket that goes from SYN_SENT to CLOSE does so since there was no port for it. If it
 * never had one, inet_sport is 0. If it had, inet_sport is still that one, for inet_put_port()
 * clears inet_num alone; and inet_num is 0 by now either way.
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
			/* The next one may be of a port that bind() chose, and has the same number.
			 */
			beside->latest[i] = 0;
			return true;
		}
	}
	return false;
}

#endif
