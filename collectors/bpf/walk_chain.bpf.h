/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_CHAIN_H
#define EPHEMERA_BPF_WALK_CHAIN_H

/* Walks a table along one chain after the other. A chain may be longer than one read() hands on. */

#include "collectors/bpf/walk_record.bpf.h"

#define CHAIN_MAX 16384u /* steps along one chain in one read() */
#define TRIES 8u	 /* how often a chain that changes is begun again */

/* Begins again at the start of the chain, with the next read(). */
static __always_inline long retry_chain(void)
{
	state.records = state.chain_records;
	state.chain_begun = 0;
	state.node = state.bind_bucket = state.bind2_bucket = 0;
	if (++state.tries > TRIES) {
		state.changed++;
		state.tries = 0;
		state.chain_skips = 0;
		return 1;
	}
	state.bucket--;
	return 1;
}

/* Goes on with the rest of the chain at the next read(). */
static __always_inline long continue_later(void)
{
	state.chain_skips = state.chain_seen;
	state.chain_begun = 0;
	state.node = state.bind_bucket = state.bind2_bucket = 0;
	state.bucket--;
	return 1;
}

static __always_inline long cut_chain(void)
{
	state.cut++;
	state.chain_begun = 0;
	state.chain_skips = 0;
	state.node = state.bind_bucket = state.bind2_bucket = 0;
	return 1;
}

static __always_inline void end_chain_well(void)
{
	state.chain_begun = 0;
	state.chain_skips = 0;
	state.tries = 0;
}

/* Whether the chain's next socket was not handed on before; and there is room for it. */
static __always_inline bool is_next(void)
{
	if (state.chain_seen < state.chain_skips) {
		state.chain_seen++;
		return false;
	}
	if (state.records >= WALK_RECORDS) {
		state.is_full = 1;
		return false;
	}
	state.chain_seen++;
	return true;
}

static __always_inline __u64 chain_head(void)
{
	const __u64 bucket = state.bucket;

	switch (state.table) {
	case WALK_LISTENERS:
		return load64(state.base +
			      bucket * bpf_core_type_size(struct inet_listen_hashbucket) +
			      PLACE(struct inet_listen_hashbucket, nulls_head));
	case WALK_UDP:
		return load64(state.base + bucket * bpf_core_type_size(struct udp_hslot) +
			      PLACE(struct udp_hslot, head));
	default:
		return load64(state.base + bucket * bpf_core_type_size(struct inet_ehash_bucket));
	}
}

/* Whether the chain ended with the mark of its own bucket. */
static __always_inline bool is_own_end(void)
{
	const __u32 bucket = state.bucket - 1;

	switch (state.table) {
	case WALK_LISTENERS:
		/* inet_hashinfo2_init() in net/ipv4/inet_hashtables.c: LISTENING_NULLS_BASE */
		return state.node >> 1 == bucket + (1u << 29);
	case WALK_UDP:
		return state.node == 0;
	default:
		return state.node >> 1 == bucket;
	}
}

static __always_inline void take_listener(__u64 at, const struct seen *seen)
{
	if (seen->state == TCP_LISTEN && is_ours(seen) && is_next())
		add_listener(at, seen);
}

/* Returns whether the socket belongs to the chain: udp_hashfn() in include/linux/udp.h. */
static __always_inline bool take_udp(__u64 at, const struct seen *seen)
{
	if (!is_of_net(seen))
		return true;
	know_net(seen->net);
	if (((seen->local_port + state.last_hash_mix) & state.mask) != state.bucket - 1)
		return false;
	if (is_ours(seen) && is_next())
		add_owned(at, seen);
	return true;
}

static __always_inline void take_connected(__u64 at, const struct seen *seen)
{
	if (((seen->hash ^ (state.bucket - 1)) & state.mask) == 0 && is_ours(seen) && is_next())
		add_connected(at, seen);
}

__noinline int take_in_chain(void)
{
	const bool udp = state.table == WALK_UDP;
	const __u64 at = state.node - (udp ? PLACE(struct sock_common, skc_node)
					   : PLACE(struct sock_common, skc_nulls_node));
	struct seen seen;

	look(at, &seen);
	if (state.table == WALK_LISTENERS)
		take_listener(at, &seen);
	else if (!udp)
		take_connected(at, &seen);
	else if (!take_udp(at, &seen))
		return 1;
	state.node = load64(state.node);
	return 0;
}

static long step_chain(__u32 index, void *unused)
{
	if (is_node(state.node)) {
		if (index >= state.steps + CHAIN_MAX)
			return cut_chain();
		if (take_in_chain())
			return retry_chain();
		return state.is_full ? continue_later() : 0;
	}
	if (state.chain_begun) {
		if (!is_own_end())
			return retry_chain();
		end_chain_well();
	}
	if (state.bucket >= state.end || index >= state.steps ||
	    (state.one_by_one && state.bucket >= state.one_by_one))
		return 1;
	state.node = chain_head();
	state.bucket++;
	state.chain_begun = 1;
	state.chain_seen = 0;
	state.chain_records = state.records;
	return 0;
}

#endif
