/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_FAILED_BPF_H
#define EPHEMERA_BPF_FAILED_BPF_H

/* Counts the failures of other network namespaces by destination and by cgroup. */

#include "collectors/bpf/cgroup.bpf.h"
#include "collectors/bpf/destination.bpf.h"

#include "collectors/bpf/failed.h"

/* How often a place is looked for: another processor changes one in nanoseconds. */
#define FAILED_LOOKS 4

/* The number is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct failed_bucket);
} failed SEC(".maps");

/* One comparison, since each of several would be one more way for the verifier to follow. */
static __always_inline bool is_failed(const struct failed *one, const struct failed_key *key)
{
	__u64 differs = one->key.words[0] ^ key->words[0];

	differs |= one->key.words[1] ^ key->words[1];
	differs |= one->key.words[2] ^ key->words[2];
	differs |= one->key.words[3] ^ key->words[3];
	return !differs;
}

/* The index of the key's place; length, which is a power of two: it has none. */
static __always_inline __u32 find_failed(
    const struct failed *list, __u32 length, const struct failed_key *key)
{
	for (__u32 i = 0; i < length; i++)
		if (is_failed(&list[i], key))
			return i;
	return length;
}

static __always_inline __u32 find_unused(const struct failed *list, __u32 length)
{
	__u32 oldest = 0;

	for (__u32 i = 1; i < length; i++)
		if (list[i].used < list[oldest & (length - 1)].used)
			oldest = i;
	return oldest & (length - 1);
}

/* Whether it was counted: not if another processor changes the place meanwhile. */
static __always_inline bool add_failed(struct failed *one, const struct failed_key *key)
{
	/* An exchange orders memory: the key is read after the state. */
	const __u64 state = __sync_fetch_and_or(&one->state, 0);

	return !(state & FAILED_VERSION) && is_failed(one, key) &&
	       __sync_val_compare_and_swap(&one->state, state, state + 1) == state;
}

/* Whether the place is the key's now, and counted: not if another processor is writing to it. */
static __always_inline bool take_failed(struct failed *one, const struct failed_key *key)
{
	const __u64 state = one->state;
	const __u64 version = state & ~(FAILED_VERSION - 1);

	if (version & FAILED_VERSION ||
	    __sync_val_compare_and_swap(&one->state, state, state + FAILED_VERSION) != state)
		return false;
	one->key = *key;
	/* The key is there before the version says so. */
	__sync_lock_test_and_set(&one->state, version + 2 * FAILED_VERSION + 1);
	return true;
}

static __always_inline void count_in(
    struct failed_bucket *bucket, struct failed *list, __u32 length, const struct failed_key *key)
{
	for (__u32 i = 0; i < FAILED_LOOKS; i++) {
		__u32 at = find_failed(list, length, key);
		const bool is_there = at < length;

		if (!is_there)
			at = find_unused(list, length);
		if (is_there ? add_failed(&list[at], key) : take_failed(&list[at], key)) {
			list[at].used = ++bucket->clock;
			return;
		}
	}
}

/*
 * Whatever is counted nowhere is missing from the sum of all, so user space knows of it. The words
 * are those of struct failed_key. The verifier follows a global function once, not on every way to
 * it, and takes only numbers there.
 */
__noinline int count_failed(__u64 first, __u64 second, __u64 third, __u64 id, bool is_destination)
{
	const struct failed_key key = {.words = {first, second, third, id}};
	const __u32 at = failed_bucket(id);
	struct failed_bucket *bucket = bpf_map_lookup_elem(&failed, &at);

	if (!bucket)
		return 0;
	if (is_destination)
		count_in(bucket, bucket->destinations, FAILED_DESTINATIONS, &key);
	else
		count_in(bucket, bucket->owners, FAILED_OWNERS, &key);
	return 0;
}

/* id: the namespace of the socket, whose call failed. */
static __always_inline void failed_in(struct sock *sk, __u32 id, enum exhausted_call call)
{
	const __u64 cgroup_id = cgroup_of(sk);
	__u64 words[3];
	__u32 remote[4];

	if (cgroup_id)
		count_failed(cgroup_id, 0, 0, id, false);
	if (call != EXHAUSTED_CONNECT)
		return;
	(void)read_destination(sk, remote, words);
	count_failed(words[0], words[1], words[2], id, true);
}

#endif
