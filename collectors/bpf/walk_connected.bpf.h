/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_CONNECTED_H
#define EPHEMERA_BPF_WALK_CONNECTED_H

/*
 * Walks the table of connections along several chains at a time. A walk waits for memory more than
 * for anything else, and so the processor waits for several sockets at once.
 */

#include "collectors/bpf/walk_record.bpf.h"

#define HEADS 4u /* chains that a lane looks at in a step, for one that is not empty */

struct walk_lane lanes[WALK_LANES];

#define NODE_PLACE PLACE(struct sock_common, skc_nulls_node)

/* Begins the next chain, if there is one. */
static __always_inline void begin_chain(struct walk_lane *lane)
{
	__u64 node = 0;

#pragma unroll
	for (__u32 i = 0; i < HEADS; i++) {
		if (is_node(node) || state.bucket >= state.end || state.steps_done >= state.steps)
			break;
		lane->bucket = state.bucket++;
		state.steps_done++;
		node = load64(state.base +
			      (__u64)lane->bucket * bpf_core_type_size(struct inet_ehash_bucket));
	}
	lane->node = is_node(node) ? node : 0;
}

/*
 * At a chain's end stands its number: inet_ehash_lookup_by_sk() in net/ipv4/inet_hashtables.c. If
 * it is another one, a socket moved to another chain under our hands, and the rest was missed.
 */
static __always_inline void end_chain(struct walk_lane *lane)
{
	if (lane->node >> 1 != lane->bucket)
		state.has_changed = 1;
	lane->node = 0;
}

/* Asks for the memory that the next step reads. Returns how many lanes are in a chain. */
static __always_inline __u32 fetch(void)
{
	__u64 sum = 0;
	__u32 live = 0;

#pragma unroll
	for (__u32 i = 0; i < WALK_LANES; i++) {
		const __u64 node = lanes[i].node;

		if (!is_node(node))
			continue;
		sum += load64(node);
		sum += LOAD64(node - NODE_PLACE, struct sock_common, skc_net);
		live++;
	}
#ifndef WALK_BY_COPY
#pragma unroll
	for (__u32 i = 0; i < WALK_LANES; i++) {
		const __u64 at = lanes[i].node - NODE_PLACE;
		__u8 tcp_state;

		if (!is_node(lanes[i].node))
			continue;
		tcp_state = LOAD8(at, struct sock_common, skc_state);
		if (tcp_state == TCP_NEW_SYN_RECV)
			continue;
		if (tcp_state == TCP_TIME_WAIT) {
			sum += LOAD64(at, struct inet_timewait_sock, tw_timer.expires);
			sum += LOAD32(at, struct tcp_timewait_sock, tw_ts_recent_stamp);
			continue;
		}
		sum += LOAD64(at, struct sock, sk_cgrp_data.cgroup);
		sum += own_range_of(at);
	}
#endif
	state.touched += sum;
	return live;
}

/* Global functions: the verifier looks at each once, not for each place that calls it. */
__noinline int take_socket(__u32 index)
{
	struct walk_lane *lane = &lanes[index & (WALK_LANES - 1)];
	struct seen seen;
	__u64 at;

	if (is_node(lane->node)) {
		at = lane->node - NODE_PLACE;
		look(at, &seen);
		lane->node = load64(lane->node);
		state.steps_done++;
		/* Its number belongs to this chain, unless it moved. */
		if (((seen.hash ^ lane->bucket) & state.mask) == 0 && is_ours(&seen))
			add_connected(at, &seen);
		if (!is_node(lane->node))
			end_chain(lane);
	}
	if (!is_node(lane->node))
		begin_chain(lane);
	return 0;
}

static long step_lanes(__u32 index, void *unused)
{
	if (!fetch() && (state.bucket >= state.end || state.steps_done >= state.steps))
		return 1;
#pragma unroll
	for (__u32 i = 0; i < WALK_LANES; i++)
		take_socket(i);
	return state.is_full || state.has_changed;
}

#endif
