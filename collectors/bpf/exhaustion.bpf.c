// SPDX-License-Identifier: Apache-2.0
/*
 * Counts the calls that found no port, and times how long ports are held. It runs in the
 * kernel at every change of a TCP socket's state, so what does not concern us leaves first.
 *
 * Nothing here is given to user space by a call: the maps and globals are mapped into its
 * memory, and read there without any privilege.
 */
#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "collectors/bpf/exhaustion.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define TIME_WAIT_NS (60 * NS_PER_S) /* TCP_TIMEWAIT_LEN, include/net/tcp.h */

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

/* The license of the program, not of its source: GPL-only helpers are offered to no other. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Set before loading; the verifier drops what they switch off. */
const volatile __u32 namespace_inode;
const volatile bool tells_events;
const volatile __u32 leases_mask; /* entries of that map, less one */
const volatile bool times_leases;

struct exhaustion_shared shared;

/* When each port number was released last, 0 where it is leased again; in nanoseconds. */
__u64 released[65536];

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TALLY_DESTINATIONS);
	__type(key, __u32);
	__type(value, struct tally_place);
} destinations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TALLY_OWNERS);
	__type(key, __u32);
	__type(value, struct tally_place);
} owners SEC(".maps");

/* As many as there can be processors: set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lease_histograms);
} histograms SEC(".maps");

/*
 * The leases of now. BPF's own storage of a socket would be simpler, but takes memory from the
 * allocator for each, which costs more than all that is done here. How many: set before loading.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct leases);
} leases SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __always_inline bool is_ours(struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum == namespace_inode;
}

/* Port of the socket's own end. inet_num will not do: it is 0 again whenever a socket closes. */
static __always_inline __u16 local_port(struct sock *sk)
{
	/* As struct sock alone the verifier lets nobody read beyond it. */
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp ? bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport) : 0;
}

/* ---- Who failed ---- */

static __always_inline bool is_same(const struct tally_key *a, const struct tally_key *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] &&
	       a->words[2] == b->words[2];
}

static __always_inline __u32 hash(const struct tally_key *key)
{
	__u64 mixed = key->words[0] ^ key->words[1] * 0x9e3779b97f4a7c15ull ^
		      key->words[2] * 0xc2b2ae3d27d4eb4full;

	mixed ^= mixed >> 29;
	mixed *= 0xbf58476d1ce4e5b9ull;
	return mixed >> 32;
}

/* Returns whether it was counted; not where places are short, or another takes one just now. */
static __always_inline bool tally(void *map, __u32 size, const struct tally_key *key)
{
	const __u32 start = hash(key);

	for (__u32 i = 0; i < TALLY_PROBES; i++) {
		const __u32 at = (start + i) & (size - 1);
		struct tally_place *place = bpf_map_lookup_elem(map, &at);

		if (!place)
			return false;
		if (__sync_val_compare_and_swap(&place->state, TALLY_FREE, TALLY_CLAIMED) ==
		    TALLY_FREE) {
			place->key = *key;
			place->count = 1;
			/* An exchange orders memory: the key is there before it is taken. */
			__sync_lock_test_and_set(&place->state, TALLY_TAKEN);
			return true;
		}
		if (place->state != TALLY_TAKEN)
			return false;
		if (is_same(&place->key, key)) {
			__sync_fetch_and_add(&place->count, 1);
			return true;
		}
	}
	return false;
}

/* The cgroup of the socket, as sock_diag tells it; before Linux 5.15 that of the caller. */
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	struct cgroup *cgroup;

	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return bpf_get_current_cgroup_id();
	cgroup = sk->sk_cgrp_data.cgroup;
	return cgroup ? BPF_CORE_READ(cgroup, kn, id) : 0;
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

static __always_inline void tell(
    struct sock *sk, enum exhausted_call call, __u8 family, const __u32 remote[4], __u64 cgroup_id)
{
	struct exhausted_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	/* It is counted all the same, so that who reads knows how many were not told. */
	if (!event)
		return;
	event->time_ns = bpf_ktime_get_ns();
	event->cgroup_id = cgroup_id;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->interface = sk->__sk_common.skc_bound_dev_if;
	event->remote_port = call == EXHAUSTED_CONNECT ? bpf_ntohs(sk->__sk_common.skc_dport) : 0;
	event->call = call;
	event->family = family;

	__u32 local[4];

	(void)read_address(
	    sk, &sk->__sk_common.skc_v6_rcv_saddr, sk->__sk_common.skc_rcv_saddr, local);
	__builtin_memcpy(event->local, local, sizeof(event->local));
	__builtin_memcpy(event->remote, remote, sizeof(event->remote));
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void count_owner(__u64 cgroup_id)
{
	const struct tally_key key = {.words = {cgroup_id, 0, 0}};

	if (!tally(&owners, TALLY_OWNERS, &key))
		__sync_fetch_and_add(&shared.untracked_owners, 1);
}

static __always_inline void connect_failed(struct sock *sk)
{
	__u32 remote[4];
	const __u8 family =
	    read_address(sk, &sk->__sk_common.skc_v6_daddr, sk->__sk_common.skc_daddr, remote);
	/* An interface is a part of what a link-local address (fe80::/10) means. */
	const bool is_link_local =
	    family == 1 && (remote[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
	const __u32 interface = is_link_local ? sk->__sk_common.skc_bound_dev_if : 0;
	const __u64 cgroup_id = cgroup_of(sk);
	struct tally_key key;

	__builtin_memcpy(key.words, remote, sizeof(remote));
	key.words[2] = tally_word(interface, bpf_ntohs(sk->__sk_common.skc_dport), family);
	__sync_fetch_and_add(&shared.failures[EXHAUSTED_CONNECT][family & 1], 1);
	if (!tally(&destinations, TALLY_DESTINATIONS, &key))
		__sync_fetch_and_add(&shared.untracked_destinations, 1);
	count_owner(cgroup_id);
	if (tells_events)
		tell(sk, EXHAUSTED_CONNECT, family, remote, cgroup_id);
}

static __always_inline void bind_failed(struct sock *sk, enum exhausted_call call)
{
	const __u32 nowhere[4] = {0};
	__u32 local[4];
	const __u8 family = read_address(
	    sk, &sk->__sk_common.skc_v6_rcv_saddr, sk->__sk_common.skc_rcv_saddr, local);
	const __u64 cgroup_id = cgroup_of(sk);

	__sync_fetch_and_add(&shared.failures[call][family & 1], 1);
	count_owner(cgroup_id);
	if (tells_events)
		tell(sk, call, family, nowhere, cgroup_id);
}

/* ---- How long ports are held ---- */

static __always_inline struct lease_histograms *our_histograms(void)
{
	const __u32 processor = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&histograms, &processor);
}

/* By the bounds that lease_bounds of collectors/exhaustion.c has in seconds. */
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
		return ns <= 30 * NS_PER_S ? 9 : ns <= 60 * NS_PER_S ? 10 : 11;
	}
	if (ns <= 3600 * NS_PER_S)
		return ns <= 300 * NS_PER_S ? 12 : ns <= 900 * NS_PER_S ? 13 : 14;
	return ns <= 14400 * NS_PER_S ? 15 : ns <= 86400 * NS_PER_S ? 16 : 17;
}

/*
 * No atomic is needed: the histogram is of this processor, a tracepoint's program is not moved
 * to another one, and in an interrupt that comes meanwhile the kernel does not run it again.
 */
static __always_inline void note(struct lease_histogram *histogram, __u64 ns)
{
	histogram->counts[bucket_of(ns)]++;
	histogram->sum_ns += ns;
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

/*
 * How long TIME_WAIT keeps the port from the next connect() to the same destination: the rule
 * of tcp_twsk_unique(), as collectors/port_use.c has it.
 */
static __always_inline __u64 blocked_after(struct sock *sk, int oldstate)
{
	/* Only from these does tcp_time_wait() make an end; a reset, which is an error, does not.
	 */
	if ((oldstate != TCP_FIN_WAIT2 && oldstate != TCP_CLOSING) || sk->sk_err)
		return 0;
	if (shared.time_wait_reuse == 1 || (shared.time_wait_reuse == 2 && is_loopback(sk)))
		return shared.time_wait_reuse_delay_ms * NS_PER_MS;
	return TIME_WAIT_NS;
}

static __always_inline struct leases *leases_beside(__u64 cookie)
{
	/* Cookies are given out one after the other, so the places of now are close together. */
	const __u32 at = cookie / LEASES_BESIDE & leases_mask;

	return bpf_map_lookup_elem(&leases, &at);
}

/* Where the socket's lease is; LEASES_BESIDE where there is none. */
static __always_inline __u32 find_lease(const struct leases *beside, __u64 cookie)
{
#pragma unroll
	for (__u32 i = 0; i < LEASES_BESIDE; i++)
		if (beside->cookies[i] == cookie)
			return i;
	return LEASES_BESIDE;
}

/*
 * A free place, the socket's own of an earlier attempt, or else that of the oldest: it may be
 * one whose end was missed, and nothing else would ever clear it.
 */
static __always_inline __u32 find_place(
    const struct leases *beside, __u64 cookie, bool *ret_is_taken)
{
	__u32 found = 0;

#pragma unroll
	for (__u32 i = 0; i < LEASES_BESIDE; i++) {
		if (beside->cookies[i] == 0 || beside->cookies[i] == cookie) {
			*ret_is_taken = false;
			return i;
		}
		if (beside->starts[i] < beside->starts[found])
			found = i;
	}
	*ret_is_taken = true;
	return found;
}

/*
 * Two processors may find the same place at once. The later one has it then, and the other
 * lease is in no histogram: cheaper than to lock, and as rare as two such in a nanosecond.
 */
static __always_inline void lease_begins(struct sock *sk)
{
	struct lease_histograms *mine;
	struct leases *beside;
	bool is_taken;
	__u64 cookie;
	__u32 at;

	/* A port that a bind() holds is not leased by connect(). */
	if (local_port(sk))
		return;
	cookie = bpf_get_socket_cookie(sk);
	beside = leases_beside(cookie);
	if (!beside)
		return;
	at = find_place(beside, cookie, &is_taken);
	if (at >= LEASES_BESIDE)
		return;
	beside->cookies[at] = cookie;
	beside->starts[at] = bpf_ktime_get_ns();
	mine = is_taken ? our_histograms() : NULL;
	if (mine)
		mine->untracked++;
}

/*
 * Older verifiers, that of Linux 6.12 among them, do not know that 16 bits are left of what was
 * swapped to the host's order. The compiler does, and would leave out what tells them.
 */
static __always_inline __u64 *release_of(__u16 port)
{
	__u64 at = port;

	barrier_var(at);
	return &released[at & 0xffff];
}

/* The port is known from here on. */
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

static __always_inline void note_end(struct sock *sk, int oldstate, __u64 start, __u16 port)
{
	const __u64 end = bpf_ktime_get_ns() + blocked_after(sk, oldstate);
	struct lease_histograms *mine = our_histograms();

	if (mine)
		note(&mine->held, end - start);
	*release_of(port) = end;
}

static __always_inline void follow_lease(struct sock *sk, int oldstate, int newstate)
{
	/* Those that others opened to us have none, as a rule, and leave here. */
	const __u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct leases *beside;
	__u64 start;
	__u16 port;
	__u32 at;

	if (!cookie)
		return;
	beside = leases_beside(cookie);
	at = beside ? find_lease(beside, cookie) : LEASES_BESIDE;
	if (!beside || at >= LEASES_BESIDE)
		return;
	port = local_port(sk);
	start = beside->starts[at];
	if (oldstate == TCP_SYN_SENT && port)
		note_reuse(start, port);
	if (newstate != TCP_CLOSE)
		return;
	beside->cookies[at] = 0;
	if (port)
		note_end(sk, oldstate, start, port);
}

/* ---- Where the kernel calls us ---- */

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sk, int oldstate, int newstate)
{
	if (newstate != TCP_CLOSE && newstate != TCP_SYN_SENT && oldstate != TCP_SYN_SENT)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP || !is_ours(sk))
		return 0;
	if (newstate == TCP_SYN_SENT) {
		if (times_leases)
			lease_begins(sk);
		return 0;
	}
	/* connect() takes this way back where it found no port (kernel-facts row 17). */
	if (oldstate == TCP_SYN_SENT && newstate == TCP_CLOSE && local_port(sk) == 0)
		connect_failed(sk);
	if (times_leases)
		follow_lease(sk, oldstate, newstate);
	return 0;
}

/*
 * The two functions through which every protocol's bind() gets its port; 0 asks for any. Both
 * are exported to modules, and so is each one's return value: 0, or what is not.
 */
SEC("fexit/udp_lib_get_port")
int BPF_PROG(udp_got_port, struct sock *sk, unsigned short port, unsigned int hash, int result)
{
	if (result && !port && sk->sk_protocol == IPPROTO_UDP && is_ours(sk))
		bind_failed(sk, EXHAUSTED_BIND_UDP);
	return 0;
}

SEC("fexit/inet_csk_get_port")
int BPF_PROG(tcp_got_port, struct sock *sk, unsigned short port, int result)
{
	if (result && !port && sk->sk_protocol == IPPROTO_TCP && is_ours(sk))
		bind_failed(sk, EXHAUSTED_BIND_TCP);
	return 0;
}
