/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_ELSEWHERE_BPF_H
#define EPHEMERA_BPF_ELSEWHERE_BPF_H

/* Counts by network namespace what happens in others than the one that is watched. */

#include "collectors/bpf/failed.bpf.h"
#include "collectors/bpf/leases.bpf.h"

#include "collectors/bpf/elsewhere.h"

/* Set before loading; the verifier removes code that it switches off. */
const volatile bool counts_elsewhere;

/* How often a place is looked for: another processor takes one in nanoseconds. */
#define ELSEWHERE_LOOKS 4

/* The number is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct elsewhere_bucket);
} elsewhere SEC(".maps");

/* The index of the namespace's place, or of the one that it may have. */
static __always_inline __u32 find_elsewhere(
    const struct elsewhere_bucket *bucket, __u64 id, bool *ret_is_there)
{
	__u32 oldest = 0;

#pragma unroll
	for (__u32 i = 0; i < ELSEWHERE_BESIDE; i++) {
		if (bucket->list[i].id == id && bucket->list[i].version) {
			*ret_is_there = true;
			return i;
		}
		if (bucket->list[i].used < bucket->list[oldest & (ELSEWHERE_BESIDE - 1)].used)
			oldest = i;
	}
	*ret_is_there = false;
	return oldest & (ELSEWHERE_BESIDE - 1);
}

/* Whether the place is the namespace's now: not if another processor is writing to it. */
static __always_inline bool take_elsewhere(struct elsewhere *one, __u64 id)
{
	const __u64 version = one->version;

	if (version & 1 ||
	    __sync_val_compare_and_swap(&one->version, version, version + 1) != version)
		return false;
	one->id = id;
	__builtin_memset(one->failures, 0, sizeof(one->failures));
	one->counts = (struct lease_counts){.opens = 0};
	/* An exchange orders memory: the id is there before the version says so. */
	__sync_lock_test_and_set(&one->version, version + 2);
	return true;
}

/* The id of the socket's namespace, as struct walk_namespace: none after it has the same. */
static __always_inline __u32 namespace_id_of(struct sock *sk)
{
	return (__u32)sk->__sk_common.skc_net.net->net_cookie;
}

/* The place of that namespace. NULL: others were faster each time. */
static __always_inline struct elsewhere *elsewhere_of(__u32 id)
{
	const __u32 at = elsewhere_bucket(id);
	struct elsewhere_bucket *bucket = bpf_map_lookup_elem(&elsewhere, &at);

	for (__u32 i = 0; bucket && i < ELSEWHERE_LOOKS; i++) {
		bool is_there;
		const __u32 place = find_elsewhere(bucket, id, &is_there);
		struct elsewhere *one;

		if (place >= ELSEWHERE_BESIDE)
			return NULL;
		one = &bucket->list[place];
		if (is_there || take_elsewhere(one, id)) {
			one->used = ++bucket->clock;
			return one;
		}
	}
	return NULL;
}

static __always_inline void failed_elsewhere(struct sock *sk, enum exhausted_call call)
{
	const __u32 id = namespace_id_of(sk);
	struct elsewhere *one = elsewhere_of(id);
	__u32 words[4];
	__u8 family;

	if (!one)
		return;
	if (call == EXHAUSTED_CONNECT)
		family = read_address(
		    sk, &sk->__sk_common.skc_v6_daddr, sk->__sk_common.skc_daddr, words);
	else
		family = read_address(
		    sk, &sk->__sk_common.skc_v6_rcv_saddr, sk->__sk_common.skc_rcv_saddr, words);
	__sync_fetch_and_add(&one->failures[call][family & 1], 1);
	failed_in(sk, id, call);
}

/* As count_opener(). */
static __always_inline void count_elsewhere(struct sock *sk, bool opens, __u64 held_ns)
{
	struct elsewhere *one = elsewhere_of(namespace_id_of(sk));

	if (one)
		count_lease(&one->counts, opens, held_ns);
}

#endif
