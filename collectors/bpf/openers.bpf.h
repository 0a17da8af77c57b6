/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_OPENERS_BPF_H
#define EPHEMERA_BPF_OPENERS_BPF_H

/* Who opens connections to which destination, and how long their ports are held. */

#include "collectors/bpf/cgroup.bpf.h"
#include "collectors/bpf/destination.bpf.h"
#include "collectors/bpf/leases.bpf.h"

#include "collectors/bpf/openers.h"

/* Set before loading; the verifier removes code that it switches off. */
const volatile bool counts_openers;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, OPENERS_BUCKETS);
	__type(key, __u32);
	__type(value, struct openers);
} openers SEC(".maps");

static __always_inline bool is_opener(const struct opener *one, const struct opener_key *key)
{
	return one->key.words[3] == key->words[3] && one->key.words[0] == key->words[0] &&
	       one->key.words[1] == key->words[1] && one->key.words[2] == key->words[2];
}

static __always_inline __u32 opener_bucket(const struct opener_key *key)
{
	__u64 mixed = key->words[0] ^ key->words[1] * 0x9e3779b97f4a7c15ull ^
		      key->words[2] * 0xc2b2ae3d27d4eb4full ^ key->words[3] * 0x165667b19e3779f9ull;

	mixed ^= mixed >> 29;
	mixed *= 0xbf58476d1ce4e5b9ull;
	return mixed >> 32 & (OPENERS_BUCKETS - 1);
}

/* The index of the key's place, or of the one that it may have. */
static __always_inline __u32 find_opener(
    const struct openers *beside, const struct opener_key *key, bool *ret_is_there)
{
	__u32 oldest = 0;

#pragma unroll
	for (__u32 i = 0; i < OPENERS_BESIDE; i++) {
		if (is_opener(&beside->list[i], key) && beside->list[i].version) {
			*ret_is_there = true;
			return i;
		}
		if (beside->list[i].used < beside->list[oldest & (OPENERS_BESIDE - 1)].used)
			oldest = i;
	}
	*ret_is_there = false;
	return oldest & (OPENERS_BESIDE - 1);
}

/* Whether the place is the key's now: not if another processor is writing to it. */
static __always_inline bool take_opener(struct opener *one, const struct opener_key *key)
{
	const __u64 version = one->version;

	if (version & 1 ||
	    __sync_val_compare_and_swap(&one->version, version, version + 1) != version)
		return false;
	one->key = *key;
	one->counts = (struct lease_counts){.opens = 0};
	/* An exchange orders memory: the key is there before the version says so. */
	__sync_lock_test_and_set(&one->version, version + 2);
	return true;
}

/*
 * The place of the socket's cgroup and destination. NULL: it has no cgroup, or the place is being
 * taken. Whatever is counted nowhere is missing from the sum of all, so user space knows of it.
 */
static __always_inline struct opener *opener_of(struct sock *sk)
{
	__u32 remote[4];
	struct opener_key key;
	struct openers *beside;
	struct opener *one;
	bool is_there;
	__u32 at;

	/* Before Linux 5.15 only the caller's cgroup can be seen, and packets have no caller. */
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return NULL;
	(void)read_destination(sk, remote, key.words);
	key.words[3] = cgroup_of(sk);
	if (!key.words[3])
		return NULL;
	at = opener_bucket(&key);
	beside = bpf_map_lookup_elem(&openers, &at);
	if (!beside)
		return NULL;
	at = find_opener(beside, &key, &is_there);
	if (at >= OPENERS_BESIDE)
		return NULL;
	one = &beside->list[at];
	if (!is_there && !take_opener(one, &key))
		return NULL;
	one->used = ++beside->clock;
	return one;
}

/*
 * opens: connect() has got a port, and the connection stands or is refused. held_ns: the time for
 * which a port was held whose lease ends, or 0.
 */
static __always_inline void count_opener(struct sock *sk, bool opens, __u64 held_ns)
{
	struct lease_histograms *mine = opens ? our_histograms() : NULL;
	struct opener *one = opener_of(sk);

	if (mine)
		mine->opens++;
	if (one)
		count_lease(&one->counts, opens, held_ns);
}

#endif
