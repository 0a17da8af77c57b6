/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_LEASES_H
#define EPHEMERA_BPF_LEASES_H

/* Times how long connect() held its ports, and how soon it took them again. */

#include "collectors/bpf/socket.bpf.h"

#include "collectors/bpf/exhaustion.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define TIME_WAIT_NS (60 * NS_PER_S) /* TCP_TIMEWAIT_LEN, include/net/tcp.h */

/* Entries of the map of leases, as a power of two. Set before loading. */
const volatile __u32 leases_order;

/* When each port number was last released, in nanoseconds; 0: it is leased again. */
__u64 released[65536];

/* One for each possible processor; the number is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lease_histograms);
} histograms SEC(".maps");

/*
 * The current leases. BPF's socket storage would be simpler, but allocates memory for each socket,
 * which costs more than everything here. The number is set before loading.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct leases);
} leases SEC(".maps");

static __always_inline struct lease_histograms *our_histograms(void)
{
	const __u32 processor = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&histograms, &processor);
}

/* The bounds are those of lease_bounds in collectors/leases.c, which are in seconds. */
static __always_inline __u32 bucket_of(__u64 ns)
{
	if (ns <= 1 * NS_PER_S) {
		if (ns <= 30 * NS_PER_MS)
			return ns <= 3 * NS_PER_MS ? (ns <= 1 * NS_PER_MS ? 0 : 1)
						   : (ns <= 10 * NS_PER_MS ? 2 : 3);
		return ns <= 300 * NS_PER_MS ? (ns <= 100 * NS_PER_MS ? 4 : 5) : 6;
	}
	if (ns <= 120 * NS_PER_S) {
		if (ns <= 10 * NS_PER_S)
			return ns <= 3 * NS_PER_S ? 7 : 8;
		if (ns <= 60 * NS_PER_S)
			return ns <= 30 * NS_PER_S ? 9 : 10;
		return ns <= 61 * NS_PER_S ? 11 : 12;
	}
	if (ns <= 3600 * NS_PER_S)
		return ns <= 300 * NS_PER_S ? 13 : ns <= 900 * NS_PER_S ? 14 : 15;
	return ns <= 14400 * NS_PER_S ? 16 : ns <= 86400 * NS_PER_S ? 17 : 18;
}

/*
 * No atomic is needed: the histogram belongs to this processor, a tracepoint's program does not
 * move to another one, and the kernel does not run it again in an interrupt meanwhile.
 */
static __always_inline void note(struct lease_histogram *histogram, __u64 ns)
{
	histogram->counts[bucket_of(ns)]++;
	histogram->sum_ns += ns;
}

/* tcp_time_wait() copies it to the socket that tcp_twsk_unique() looks at. */
static __always_inline bool has_timestamps(struct sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp && tcp->rx_opt.ts_recent_stamp;
}

/* tcp_tw_reuse of the socket's namespace: an int before Linux 5.13. */
static __always_inline __u64 reuse_rule(const struct net *net)
{
	return BPF_CORE_READ_BITFIELD(net, ipv4.sysctl_tcp_tw_reuse);
}

/* Before Linux 6.14 the delay was a second. */
static __always_inline __u64 reuse_delay_ns(const struct net *net)
{
	if (bpf_core_field_exists(net->ipv4.sysctl_tcp_tw_reuse_delay))
		return net->ipv4.sysctl_tcp_tw_reuse_delay * NS_PER_MS;
	return NS_PER_S;
}

/*
 * How long TIME_WAIT keeps the port from the next connect() to the same destination: the rule of
 * tcp_twsk_unique(), as in collectors/kernel/port_use.c.
 */
static __always_inline __u64 blocked_after(struct sock *sk, int oldstate)
{
	const struct net *net = sk->__sk_common.skc_net.net;
	__u64 reuse;

	/* tcp_time_wait() follows only these states, and never a reset, which is an error. */
	if ((oldstate != TCP_FIN_WAIT2 && oldstate != TCP_CLOSING) || sk->sk_err)
		return 0;
	if (!has_timestamps(sk))
		return TIME_WAIT_NS;
	reuse = reuse_rule(net);
	if (reuse == 1 || (reuse == 2 && is_loopback(sk)))
		return reuse_delay_ns(net);
	return TIME_WAIT_NS;
}

/* opens, held_ns: as in count_opener(). */
static __always_inline void count_lease(struct lease_counts *counts, bool opens, __u64 held_ns)
{
	if (opens)
		__sync_fetch_and_add(&counts->opens, 1);
	if (!held_ns)
		return;
	__sync_fetch_and_add(&counts->leases, 1);
	__sync_fetch_and_add(&counts->held_ns, held_ns);
}

static __always_inline struct leases *leases_beside(__u64 cookie)
{
	const __u32 at = leases_place(cookie, leases_order);

	return bpf_map_lookup_elem(&leases, &at);
}

/* The index of the socket's lease; LEASES_BESIDE: there is none. */
static __always_inline __u32 find_lease(const struct leases *beside, __u64 cookie)
{
#pragma unroll
	for (__u32 i = 0; i < LEASES_BESIDE; i++)
		if (beside->cookies[i] == cookie)
			return i;
	return LEASES_BESIDE;
}

/*
 * A free place, the socket's own from an earlier attempt, or else the oldest: its end may have been
 * missed, and nothing else would ever clear it.
 */
static __always_inline __u32 find_place(const struct leases *beside, __u64 cookie)
{
	__u32 found = 0;

#pragma unroll
	for (__u32 i = 0; i < LEASES_BESIDE; i++) {
		if (beside->cookies[i] == 0 || beside->cookies[i] == cookie)
			return i;
		if (beside->starts[i] < beside->starts[found])
			found = i;
	}
	return found;
}

/*
 * Two processors may find the same place at once. Only one may write it: else a connection would
 * get the start of another one. The other lease is in no histogram, which is very rare.
 */
static __always_inline bool write_lease(struct leases *beside, __u32 at, __u64 cookie)
{
	volatile __u64 *place = &beside->cookies[at];
	const __u64 before = *place;

	if (before == LEASE_CLAIMED ||
	    __sync_val_compare_and_swap(&beside->cookies[at], before, LEASE_CLAIMED) != before)
		return false;
	*(volatile __u64 *)&beside->starts[at] = bpf_ktime_get_ns();
	/* Whoever looks for the cookie knows the socket by a lock, which orders memory. */
	*place = cookie;
	return before == 0 || before == cookie;
}

static __always_inline void lease_begins(__u64 cookie)
{
	struct leases *beside = leases_beside(cookie);
	struct lease_histograms *mine;
	__u32 at;

	if (!beside)
		return;
	at = find_place(beside, cookie);
	if (at >= LEASES_BESIDE || write_lease(beside, at, cookie))
		return;
	mine = our_histograms();
	if (mine)
		mine->untracked++;
}

/* Frees the place, if the lease still has it. */
static __always_inline bool clear_lease(struct leases *beside, __u32 at, __u64 cookie)
{
	return __sync_val_compare_and_swap(&beside->cookies[at], cookie, 0) == cookie;
}

/*
 * For a connection from a port that bind() holds: it is no lease, and must not get the start of an
 * earlier one of its socket whose end was missed.
 */
static __always_inline void forget_lease(struct sock *sk)
{
	const __u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct leases *beside = cookie ? leases_beside(cookie) : NULL;

	if (!beside)
		return;
#pragma unroll
	for (__u32 i = 0; i < LEASES_BESIDE; i++)
		if (beside->cookies[i] == cookie)
			clear_lease(beside, i, cookie);
}

/*
 * Older verifiers, including that of Linux 6.12, do not know that a value swapped to the host's
 * order has 16 bits. The compiler knows, and would remove the mask that tells them.
 */
static __always_inline __u64 *release_of(__u16 port)
{
	__u64 at = port;

	barrier_var(at);
	return &released[at & 0xffff];
}

/* Call it when the port becomes known. */
static __always_inline void note_reuse(__u64 start, __u16 port)
{
	__u64 *release = release_of(port);
	const __u64 before = *release;
	struct lease_histograms *mine;

	if (!before || start < before)
		return;
	*release = 0;
	mine = our_histograms();
	if (mine)
		note(&mine->reused, start - before);
}

/* Returns how long the port was held, in nanoseconds. */
static __always_inline __u64 note_end(
    struct sock *sk, int oldstate, __u64 start, __u16 port, bool ours)
{
	const __u64 end = bpf_ktime_get_ns() + blocked_after(sk, oldstate);
	struct lease_histograms *mine = ours ? our_histograms() : NULL;

	if (!ours)
		return end - start;
	if (mine)
		note(&mine->held, end - start);
	*release_of(port) = end;
	return end - start;
}

/*
 * has_port: false if connect() found none; the port in the socket is then an earlier one. ours: the
 * socket is of the namespace that is watched, which alone has histograms. Returns
 * how long a port was held whose lease ends now, in nanoseconds; else 0.
 */
static __always_inline __u64 follow_lease(
    struct sock *sk, int oldstate, int newstate, bool has_port, bool ours)
{
	/* Inbound connections usually have none, and leave here. */
	const __u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct leases *beside;
	__u64 start;
	__u16 port;
	__u32 at;

	if (!cookie)
		return 0;
	beside = leases_beside(cookie);
	at = beside ? find_lease(beside, cookie) : LEASES_BESIDE;
	if (!beside || at >= LEASES_BESIDE)
		return 0;
	port = has_port ? local_port(sk) : 0;
	start = beside->starts[at];
	if (ours && oldstate == TCP_SYN_SENT && port)
		note_reuse(start, port);
	if (newstate != TCP_CLOSE)
		return 0;
	/* If it gave way to another lease meanwhile, the start may be of either. */
	if (clear_lease(beside, at, cookie) && port)
		return note_end(sk, oldstate, start, port, ours);
	return 0;
}

#endif
