/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_NAMESPACES_H
#define EPHEMERA_BPF_WALK_NAMESPACES_H

/*
 * Walks the list of network namespaces (net_namespace_list in net/core/net_namespace.c). It is a
 * ring, so it can be entered anywhere; its head is no namespace. read() holds RCU's lock, so what
 * is in the list stays there until it returns.
 */

#include "collectors/bpf/walk_record.bpf.h"

#define NAMESPACES_MAX (1u << 16) /* in the list */
#define NAMESPACES_A_READ 128u	  /* each costs about two microseconds */
#define NAMESPACE_TRIES 8u

__u64 reserved[WALK_PORTS / 64];

#define RING_PLACE PLACE(struct net, list)

static __always_inline __u64 reader_net(void)
{
	const __u64 task = (__u64)bpf_get_current_task();

	return LOAD64(LOAD64(task, struct task_struct, nsproxy), struct nsproxy, net_ns);
}

/* Where it is since Linux 6.1. Before, the walk finds nothing. */
static __always_inline __u64 hashinfo_of(__u64 net)
{
	if (!bpf_core_field_exists(struct netns_ipv4, tcp_death_row.hashinfo))
		return 0;
	return load64(
	    net + PLACE(struct net, ipv4) + PLACE(struct netns_ipv4, tcp_death_row.hashinfo));
}

static __always_inline __u64 udp_table_of(__u64 net)
{
	if (!bpf_core_field_exists(struct netns_ipv4, udp_table))
		return 0;
	return load64(net + PLACE(struct net, ipv4) + PLACE(struct netns_ipv4, udp_table));
}

static __always_inline void enter_ring(void)
{
	const __u64 net = reader_net();

	state.ring_start = state.ring_at = net + RING_PLACE;
	state.ring_ops = LOAD64(net, struct net, ns.ops);
}

/* Whether ring_at is in a namespace, not in the list's head. */
static __always_inline bool is_namespace(__u64 net)
{
	return LOAD64(net, struct net, ns.ops) == state.ring_ops;
}

static __always_inline __u32 id_of(__u64 net)
{
	return (__u32)LOAD64(net, struct net, net_cookie);
}

/* Goes to the next one. Returns whether it has been all around. */
static __always_inline long next_in_ring(void)
{
	state.ring_at = load64(state.ring_at);
	return !state.ring_at || state.ring_at == state.ring_start;
}

static long step_find(__u32 index, void *unused)
{
	const __u64 net = state.ring_at - RING_PLACE;

	if (is_namespace(net) && id_of(net) == request.namespace_id) {
		state.ring_found = 1;
		return 1;
	}
	return next_in_ring();
}

/* Returns the namespace's address, or 0. */
static __always_inline __u64 find_namespace(__u32 id)
{
	enter_ring();
	state.ring_found = 0;
	bpf_loop(NAMESPACES_MAX, step_find, NULL, 0);
	return state.ring_found ? state.ring_at - RING_PLACE : 0;
}

static long step_head(__u32 index, void *unused)
{
	if (!is_namespace(state.ring_at - RING_PLACE)) {
		state.ring_found = 1;
		return 1;
	}
	return next_in_ring();
}

/* The host's first namespace, which is the first in the list: &init_net, or 0. */
static __always_inline __u64 find_first(void)
{
	enter_ring();
	state.ring_found = 0;
	bpf_loop(NAMESPACES_MAX, step_head, NULL, 0);
	return state.ring_found ? load64(state.ring_at) - RING_PLACE : 0;
}

static __always_inline void read_reserved(__u64 net)
{
	const __u64 at = load64(
	    net + PLACE(struct net, ipv4) + PLACE(struct netns_ipv4, sysctl_local_reserved_ports));

	bpf_probe_read_kernel(reserved, sizeof(reserved), at ? (const void *)at : no_ports);
}

/* A global function: the verifier looks at it once. */
__noinline int has_reserved(void)
{
	__u64 any = 0;

	for (__u32 i = 0; i < WALK_PORTS / 64; i++)
		any |= reserved[i];
	return any != 0;
}

#define OF_IPV4(net, member) ((net) + PLACE(struct net, ipv4) + PLACE(struct netns_ipv4, member))

static __always_inline void read_range(__u64 net, struct walk_namespace *entry)
{
	/* Two numbers, or since Linux 6.8 one with both. */
	if (bpf_core_field_exists(struct netns_ipv4___split, ip_local_ports.range)) {
		const __u64 at = net + PLACE(struct net, ipv4) +
				 PLACE(struct netns_ipv4___split, ip_local_ports.range);

		entry->first_port = (__u16)load32(at);
		entry->last_port = (__u16)load32(at + 4);
	} else {
		const __u32 range = load32(OF_IPV4(net, ip_local_ports.range));

		entry->first_port = (__u16)range;
		entry->last_port = (__u16)(range >> 16);
	}
}

static __always_inline void read_settings(__u64 net, struct walk_namespace *entry)
{
	read_range(net, entry);
	entry->unprivileged_first_port = load32(OF_IPV4(net, sysctl_ip_prot_sock));
	entry->time_wait_reuse = load8(OF_IPV4(net, sysctl_tcp_tw_reuse));
	entry->time_wait_reuse_delay_ms = 0;
	if (bpf_core_field_exists(struct netns_ipv4, sysctl_tcp_tw_reuse_delay))
		entry->time_wait_reuse_delay_ms = load32(OF_IPV4(net, sysctl_tcp_tw_reuse_delay));
	entry->fin_timeout_ms =
	    (__u32)((__u64)load32(OF_IPV4(net, sysctl_tcp_fin_timeout)) * state.tick_ns / 1000000);
	entry->time_wait_limit = load32(OF_IPV4(net, tcp_death_row.sysctl_max_tw_buckets));
	entry->bind_ipv6_only =
	    load8(net + PLACE(struct net, ipv6) + PLACE(struct netns_ipv6, sysctl.bindv6only));
}

static __always_inline __u32 flags_of(__u64 net)
{
	__u32 flags = net == reader_net() ? WALK_READER : 0;

	if (net == state.first_net)
		flags |= WALK_FIRST;
	/* The first one's are those that namespaces share. */
	if (hashinfo_of(net) != hashinfo_of(state.first_net))
		flags |= WALK_OWN_TCP_TABLE;
	if (udp_table_of(net) != udp_table_of(state.first_net))
		flags |= WALK_OWN_UDP_TABLE;
	read_reserved(net);
	return flags | (has_reserved() ? WALK_HAS_RESERVED : 0);
}

__noinline int take_namespace(void)
{
	const __u64 net = state.ring_at - RING_PLACE;
	struct walk_namespace *entry;
	__u32 index = state.records;

	barrier_var(index);
	if (index >= WALK_RECORDS)
		return 0;
	entry = (struct walk_namespace *)&records[index & (WALK_RECORDS - 1)];
	entry->id = id_of(net);
	entry->inode = LOAD32(net, struct net, ns.inum);
	entry->flags = flags_of(net);
	read_settings(net, entry);
	state.ring_last = entry->id;
	state.records = index + 1;
	return 0;
}

/*
 * Whether it was handed on: up to the last one that was. New ones come to the end of the list, so
 * what goes and what comes meanwhile does not matter, unless it is that one.
 */
static __always_inline bool is_known(__u64 net)
{
	if (!state.ring_skips)
		return false;
	if (id_of(net) == state.ring_last)
		state.ring_skips = 0;
	return true;
}

static long step_namespace(__u32 index, void *unused)
{
	const __u64 net = state.ring_at - RING_PLACE;

	if (is_namespace(net) && !is_known(net)) {
		if (state.records >= NAMESPACES_A_READ)
			return 1;
		take_namespace();
	}
	if (!next_in_ring())
		return 0;
	state.bucket = 1;
	return 1;
}

/*
 * The table of one bucket, which is done when the ring is. If the last one that was handed on is
 * gone, all come again: user space knows them.
 */
static __always_inline void walk_namespaces(void)
{
	state.first_net = find_first();
	enter_ring();
	state.bucket = !state.first_net;
	if (state.first_net)
		bpf_loop(NAMESPACES_MAX, step_namespace, NULL, 0);
	if (state.bucket && state.ring_skips && state.tries++ < NAMESPACE_TRIES)
		state.bucket = 0;
	else if (state.bucket)
		state.changed += state.ring_skips || !state.first_net;
	state.ring_skips = !state.bucket && state.records > 0;
}

#endif
