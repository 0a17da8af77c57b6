/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_FAILURES_H
#define EPHEMERA_BPF_FAILURES_H

/* Calls that found no port: counts them by destination and cgroup, and sends events if asked to. */

#include "collectors/bpf/cgroup.bpf.h"
#include "collectors/bpf/destination.bpf.h"

#include "collectors/bpf/exhaustion.h"

/* Set before loading; the verifier removes code that it switches off. */
const volatile bool tells_events;

struct exhaustion_shared shared;

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

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

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

/* Returns whether it was counted: not if there is no place, or another processor takes one now. */
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

/* The port that a call asked for and was refused; zeroes if it asked for any. */
struct refusal {
	__u16 port;
	__u8 flags; /* REFUSED_*, or'ed */
};

static __always_inline void tell(struct sock *sk, enum exhausted_call call, __u8 family,
    const __u32 remote[4], __u64 cgroup_id, struct refusal refusal)
{
	struct exhausted_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	/* It is counted anyway, so the reader knows how many events are missing. */
	if (!event)
		return;
	event->time_ns = bpf_ktime_get_ns();
	event->cgroup_id = cgroup_id;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->interface = sk->__sk_common.skc_bound_dev_if;
	event->remote_port = call == EXHAUSTED_CONNECT ? bpf_ntohs(sk->__sk_common.skc_dport) : 0;
	event->call = call;
	event->family = family;
	event->refused_port = refusal.port;
	event->refused = refusal.flags;
	event->unused = 0;
	event->namespace_id = (__u32)sk->__sk_common.skc_net.net->net_cookie;
	event->namespace_inode = sk->__sk_common.skc_net.net->ns.inum;

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

	if (!cgroup_id || !tally(&owners, TALLY_OWNERS, &key))
		__sync_fetch_and_add(&shared.untracked_owners, 1);
}

static __always_inline void connect_failed(struct sock *sk)
{
	__u32 remote[4];
	struct tally_key key = {.words = {0, 0, 0}};
	const __u8 family = read_destination(sk, remote, key.words);
	const __u64 cgroup_id = cgroup_of(sk);

	__sync_fetch_and_add(&shared.failures[EXHAUSTED_CONNECT][family & 1], 1);
	if (!tally(&destinations, TALLY_DESTINATIONS, &key))
		__sync_fetch_and_add(&shared.untracked_destinations, 1);
	count_owner(cgroup_id);
	if (tells_events)
		tell(sk, EXHAUSTED_CONNECT, family, remote, cgroup_id, (struct refusal){0});
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
		tell(sk, call, family, nowhere, cgroup_id, (struct refusal){0});
}

#endif
