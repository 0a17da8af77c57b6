/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_BINDS_H
#define EPHEMERA_BPF_WALK_BINDS_H

/*
 * Walks the table of ports that have a bucket (struct inet_bind_bucket): the ones that bind()
 * holds, and, among the sockets of those, the ones that only called bind().
 */

#include "collectors/bpf/walk_chain.bpf.h"

/*
 * Connections that a listener accepted are in the bucket of its port, and may be a million. So we
 * give up on a port after this many sockets in a row that are something else.
 */
#define OTHERS_MAX 256u

/* inet_bhashfn() in include/net/inet_hashtables.h */
static __always_inline bool is_in_chain(__u64 net, __u16 port)
{
	know_net(net);
	return ((port + state.last_hash_mix) & state.mask) == state.bucket - 1;
}

/* Returns whether the socket is in the bucket's list. */
static __always_inline bool take_owner(__u64 at)
{
	struct seen seen;

	look(at, &seen);
	if (seen.local_port != state.bind_port || seen.net != state.bind_net || !is_ours(&seen))
		return false;
	if (seen.state != TCP_CLOSE) {
		state.others++;
		return true;
	}
	state.others = 0;
	if (is_next())
		add_owned(at, &seen);
	return true;
}

static __always_inline long step_owner(void)
{
	const __u64 at = state.node - PLACE(struct sock_common, skc_bind_node);

	if (!take_owner(at))
		return retry_chain();
	if (state.is_full)
		return continue_later();
	state.node = load64(state.node);
	if (state.others >= OTHERS_MAX)
		state.node = state.bind2_bucket = 0;
	return 0;
}

/* From Linux 6.8 on a bucket's sockets are in buckets by address. */
static __always_inline bool has_bind2_buckets(void)
{
	return bpf_core_field_exists(struct inet_bind_bucket, bhash2);
}

static __always_inline long step_bind2_bucket(void)
{
	const __u64 at = state.bind2_bucket - PLACE(struct inet_bind2_bucket, bhash_node);

	state.node = LOAD64(at, struct inet_bind2_bucket, owners.first);
	state.bind2_bucket = load64(state.bind2_bucket);
	return 0;
}

static __always_inline void begin_owners(__u64 at)
{
	state.others = 0;
	if (has_bind2_buckets())
		state.bind2_bucket = LOAD64(at, struct inet_bind_bucket, bhash2.first);
	else
		state.node = LOAD64(at, struct inet_bind_bucket___owned, owners.first);
}

/* Of all namespaces, a record for each port: a set for each namespace would have no bound. */
static __always_inline void add_held(__u64 net, __u16 port)
{
	const struct seen seen = {
	    .net = net, .local_port = port, .family = AF_INET, .state = TCP_CLOSE};
	struct walk_record *record;

	if (!is_next())
		return;
	record = new_record(0, &seen);
	if (record)
		record->flags = WALK_HELD;
}

static __always_inline long step_bind_bucket(void)
{
	const __u64 at = state.bind_bucket - PLACE(struct inet_bind_bucket, node);
	const __u64 net = LOAD64(at, struct inet_bind_bucket, ib_net);
	const __u16 port = LOAD16(at, struct inet_bind_bucket, port);

	state.bind_bucket = load64(state.bind_bucket);
	if (state.net && net != state.net)
		return 0;
	if (!is_in_chain(net, port))
		return retry_chain();
	/* The check of __inet_hash_connect() that skips a port: one of them is not negative. */
	if (LOAD8(at, struct inet_bind_bucket, fastreuse) & 0x80 &&
	    LOAD8(at, struct inet_bind_bucket, fastreuseport) & 0x80)
		return 0;
	if (state.net)
		add_port(held, port);
	else
		add_held(net, port);
	if (state.is_full)
		return continue_later();
	state.bind_port = port;
	state.bind_net = net;
	begin_owners(at);
	return 0;
}

static __always_inline long next_bind_chain(__u32 index)
{
	__u64 head = 0;

	if (state.chain_begun)
		end_chain_well();
#pragma unroll
	for (__u32 i = 0; i < 8; i++) {
		if (head || state.bucket >= state.end)
			break;
		head =
		    load64(state.base +
			   (__u64)state.bucket * bpf_core_type_size(struct inet_bind_hashbucket) +
			   PLACE(struct inet_bind_hashbucket, chain));
		state.bucket++;
	}
	if (!head)
		return state.bucket >= state.end || index >= state.steps;
	state.bind_bucket = head;
	state.chain_begun = 1;
	state.chain_seen = 0;
	state.chain_records = state.records;
	return 0;
}

static long step_binds(__u32 index, void *unused)
{
	if (state.chain_begun && index >= state.steps + CHAIN_MAX)
		return cut_chain();
	if (state.node)
		return step_owner();
	if (has_bind2_buckets() && state.bind2_bucket)
		return step_bind2_bucket();
	if (state.bind_bucket)
		return step_bind_bucket();
	if (index >= state.steps)
		return 1;
	return next_bind_chain(index);
}

#endif
