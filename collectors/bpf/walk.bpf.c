// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Walks the kernel's tables of sockets, and hands on those of the reader's network namespace, or of
 * all. Each
 * read() of the iterator does a part of it and fails with EAGAIN; what it found is in shared
 * memory. So one descriptor serves for ever, and read() needs no capability.
 *
 * What is walked can change meanwhile, and what is freed be used again: the kernel's lists say so
 * at their ends, a socket has the number of its chain, and each read() takes a bounded number of
 * steps.
 */
#include "collectors/bpf/walk_binds.bpf.h"
#include "collectors/bpf/walk_connected.bpf.h"
#include "collectors/bpf/walk_namespaces.bpf.h"

#include <bpf/bpf_tracing.h>

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

#define STEPS_MAX 4096u	     /* of a request */
#define LOOPS_MAX (1u << 17) /* the program's own bounds are lower */

static __always_inline void begin_tcp(__u64 hashinfo)
{
	if (!hashinfo)
		return;
	switch (state.table) {
	case WALK_LISTENERS:
		state.base = LOAD64(hashinfo, struct inet_hashinfo, lhash2);
		state.mask = LOAD32(hashinfo, struct inet_hashinfo, lhash2_mask);
		state.end = state.mask + 1;
		break;
	case WALK_BINDS:
		state.base = LOAD64(hashinfo, struct inet_hashinfo, bhash);
		state.end = LOAD32(hashinfo, struct inet_hashinfo, bhash_size);
		state.mask = state.end - 1;
		break;
	default:
		state.base = LOAD64(hashinfo, struct inet_hashinfo, ehash);
		state.mask = LOAD32(hashinfo, struct inet_hashinfo, ehash_mask);
		state.end = state.mask + 1;
		break;
	}
}

static __always_inline void begin_udp(__u64 table)
{
	if (!table)
		return;
	state.base = LOAD64(table, struct udp_table, hash);
	state.mask = LOAD32(table, struct udp_table, mask);
	state.end = state.mask + 1;
}

static __always_inline void reset(void)
{
	const __u32 steps = request.steps;

	__builtin_memset(&state, 0, sizeof(state));
	__builtin_memset(lanes, 0, sizeof(lanes));
	state.serial = request.serial;
	state.table = request.table;
	state.steps = steps < STEPS_MAX ? steps : STEPS_MAX;
	state.tick_ns = request.tick_ns;
	state.by_ports = request.by_ports;
	if (state.table == WALK_BINDS)
		bpf_probe_read_kernel(held, sizeof(held), no_ports);
}

/* Without a table, such as one that this kernel has elsewhere, base stays 0 and nothing is walked.
 */
static __always_inline void begin(void)
{
	__u64 net;

	reset();
	if (request.namespace_id)
		net = find_namespace(request.namespace_id);
	else
		net = request.all ? find_first() : reader_net();
	state.is_missing = !net;
	if (!net)
		return;
	state.net = request.all ? 0 : net;
	if (state.table == WALK_NAMESPACES)
		state.base = state.end = 1;
	else if (state.table == WALK_RESERVED)
		read_reserved(net);
	else if (state.table == WALK_UDP)
		begin_udp(udp_table_of(net));
	else
		begin_tcp(hashinfo_of(net));
	if (!state.base)
		state.end = 0;
}

/*
 * A part of the table of connections. If something moved, or there was no room, what it found is
 * dropped: then the same buckets come again, in the latter case one chain at a time.
 */
static __always_inline void walk_lanes(void)
{
	bpf_loop(LOOPS_MAX, step_lanes, NULL, 0);
	if (state.is_full) {
		state.one_by_one = state.bucket;
	} else if (!state.has_changed || state.tries >= TRIES) {
		state.changed += state.has_changed;
		state.tries = 0;
		return;
	} else {
		state.tries++;
	}
	state.records = 0;
	state.bucket = state.first_bucket;
#pragma unroll
	for (__u32 i = 0; i < WALK_LANES; i++)
		lanes[i].node = 0;
}

static __always_inline void walk_part(void)
{
	if (state.one_by_one && state.bucket >= state.one_by_one)
		state.one_by_one = 0;
	if (state.table == WALK_NAMESPACES)
		walk_namespaces();
	else if (state.table == WALK_BINDS)
		bpf_loop(LOOPS_MAX, step_binds, NULL, 0);
	else if (state.table == WALK_CONNECTED && !state.one_by_one)
		walk_lanes();
	else
		bpf_loop(LOOPS_MAX, step_chain, NULL, 0);
}

/*
 * It is called for the first of all BPF maps, of which one is ours, so that there is always one.
 * Which one is of no interest.
 */
SEC("iter/bpf_map")
int walk(struct bpf_iter__bpf_map *context)
{
	if (!context->map)
		return 0;
	if (state.serial != request.serial)
		begin();
	state.records = 0;
	state.is_full = state.has_changed = 0;
	state.steps_done = 0;
	state.first_bucket = state.bucket;
	/* What was there at the last read() may be freed now, and something else be there. */
	state.last_cgroup = state.last_net = 0;
	if (state.bucket < state.end)
		walk_part();
	state.is_done = state.bucket >= state.end;
	/* The same map again at the next read(). */
	return 1;
}
