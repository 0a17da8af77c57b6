// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Walks the kernel's table of connection tracking, and hands on the entries of one network
 * namespace. Each read() of the iterator does a part of it and fails with EAGAIN; what it found is
 * in shared memory. So one descriptor serves for ever, and read() needs no capability.
 *
 * The kernel does not tell a program where the table is. But it tells that to whoever reads
 * /proc/net/nf_conntrack, in the memory of that open file (ct_seq_start() in
 * net/netfilter/nf_conntrack_standalone.c), and an iterator over our own open files gets there.
 *
 * read() holds RCU's lock, and entries are not freed under it, but may be used again for another
 * connection at once: SLAB_TYPESAFE_BY_RCU. So what was read is looked at twice, and at its end
 * each chain has its number.
 */
#include "collectors/bpf/conntrack_table.h"

#include "collectors/bpf/kernel_conntrack.h"
#include "collectors/bpf/walk_memory.bpf.h"

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

#define STEPS_MAX 4096u /* of a request */
#define STEPS_A_CALL 8u
#define LOOPS_MAX (1u << 14)
#define CHAIN_MAX 256u /* the kernel adds no entry to a chain of 80: __nf_conntrack_confirm() */
#define TRIES 8u       /* how often a chain that changes is begun again */

/* Set before loading: the descriptor of /proc/net/nf_conntrack. */
const volatile __u32 table_file;

struct table_request request SEC(".data.request");
struct table_state state;
struct table_record records[TABLE_RECORDS];

#define ORIGINAL_PLACE PLACE(struct nf_conn, tuplehash[IP_CT_DIR_ORIGINAL])
#define REPLY_PLACE PLACE(struct nf_conn, tuplehash[IP_CT_DIR_REPLY])

static __always_inline void read_address(__u64 at, __u8 family, __u32 into[4])
{
	into[0] = load32(at);
	/* Anything behind an IPv4 address is none of it. */
	into[1] = family == AF_INET6 ? load32(at + 4) : 0;
	into[2] = family == AF_INET6 ? load32(at + 8) : 0;
	into[3] = family == AF_INET6 ? load32(at + 12) : 0;
}

#define IN_TUPLE(at, member)                                   \
	((at) + PLACE(struct nf_conntrack_tuple_hash, tuple) + \
	    PLACE(struct nf_conntrack_tuple, member))

static __always_inline void read_tuple(__u64 at, __u8 family, struct table_tuple *tuple)
{
	read_address(IN_TUPLE(at, src.u3), family, tuple->source);
	read_address(IN_TUPLE(at, dst.u3), family, tuple->destination);
	tuple->source_port = bpf_ntohs(load16(IN_TUPLE(at, src.u)));
	tuple->destination_port = bpf_ntohs(load16(IN_TUPLE(at, dst.u)));
}

/*
 * Whether it is a connection that is there: ct_seq_show() leaves out the same ones. What has ended
 * holds no port: nf_conntrack_tuple_taken() in net/netfilter/nf_conntrack_core.c.
 */
static __always_inline bool is_live(__u64 entry)
{
	const __u32 rest = LOAD32(entry, struct nf_conn, timeout) - (__u32)bpf_jiffies64();

	return LOAD32(entry, struct nf_conn, ct_general) != 0 &&
	       LOAD64(entry, struct nf_conn, status) & IPS_CONFIRMED && (__s32)rest > 0;
}

/* Whether it is still the same one. Of an IPv6 address the first word is enough beside the ports.
 */
static __always_inline bool is_still(__u64 at, const struct table_tuple *tuple)
{
	return load32(IN_TUPLE(at, src.u3)) == tuple->source[0] &&
	       load32(IN_TUPLE(at, dst.u3)) == tuple->destination[0] &&
	       bpf_ntohs(load16(IN_TUPLE(at, src.u))) == tuple->source_port &&
	       bpf_ntohs(load16(IN_TUPLE(at, dst.u))) == tuple->destination_port;
}

/* The zone that a port has to be free in: nf_ct_zone_id() in nf_conntrack_zones.h. */
static __always_inline __u16 zone_of(__u64 entry)
{
	if (!bpf_core_field_exists(struct nf_conn, zone) ||
	    !(LOAD8(entry, struct nf_conn, zone.dir) & 1 << IP_CT_DIR_REPLY))
		return 0;
	return LOAD16(entry, struct nf_conn, zone.id);
}

/* A global function: the verifier looks at it once. */
__noinline int take_entry(void)
{
	const __u64 entry = state.node - ORIGINAL_PLACE;
	const __u64 original = entry + ORIGINAL_PLACE;
	const __u64 reply = entry + REPLY_PLACE;
	struct table_record *record;
	__u32 index = state.records;
	__u8 protocol;
	__u16 family;

	if (LOAD64(entry, struct nf_conn, ct_net) != state.net || !is_live(entry))
		return 0;
	protocol = load8(IN_TUPLE(original, dst.protonum));
	family = load16(IN_TUPLE(original, src.l3num));
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
	    (family != AF_INET && family != AF_INET6))
		return 0;
	barrier_var(index);
	if (index >= TABLE_RECORDS)
		return 0;
	/* Linux 6.1 loses the bound of an index that is kept; not that of the place. */
	barrier_var(index);
	record = &records[index & (TABLE_RECORDS - 1)];
	barrier_var(record);
	read_tuple(original, (__u8)family, &record->original);
	read_tuple(reply, (__u8)family, &record->reply);
	record->protocol = protocol;
	record->family = (__u8)family;
	record->zone = zone_of(entry);
	record->tcp_state =
	    protocol == IPPROTO_TCP ? LOAD8(entry, struct nf_conn, proto.tcp.state) : 0;
	/* If it became another connection meanwhile, this one has ended. */
	if (is_live(entry) && LOAD64(entry, struct nf_conn, ct_net) == state.net &&
	    is_still(original, &record->original) && is_still(reply, &record->reply))
		state.records = index + 1;
	return 0;
}

/* Begins again at the start of the chain. */
static __always_inline void retry_chain(void)
{
	state.chain_begun = 0;
	state.node = 0;
	if (++state.tries > TRIES) {
		state.changed++;
		state.tries = 0;
		return;
	}
	state.records = state.chain_records;
	state.bucket--;
}

static __always_inline void end_chain(void)
{
	state.chain_begun = 0;
	state.node = 0;
	state.tries = 0;
}

static __always_inline void step_node(void)
{
	if (++state.chain_nodes > CHAIN_MAX) {
		state.cut++;
		end_chain();
		return;
	}
	/* Each entry is in the table twice, once for each direction. */
	if (load8(IN_TUPLE(state.node, dst.dir)) == IP_CT_DIR_ORIGINAL)
		take_entry();
	state.node = load64(state.node + PLACE(struct nf_conntrack_tuple_hash, hnnode));
}

/* Returns whether there is none, or it is for the next read(). */
static __always_inline bool begin_chain(void)
{
	if (state.bucket >= state.end || state.steps_done >= state.steps ||
	    /* The next chain may need so much room. */
	    state.records > TABLE_RECORDS - CHAIN_MAX)
		return true;
	state.node =
	    load64(state.base + (__u64)state.bucket * bpf_core_type_size(struct hlist_nulls_head));
	state.bucket++;
	state.chain_begun = 1;
	state.chain_nodes = 0;
	state.chain_records = state.records;
	return false;
}

/* A global function: the verifier looks at it once. Returns whether this read() is over. */
__noinline int step_once(void)
{
	state.steps_done++;
	if (is_node(state.node)) {
		step_node();
		return 0;
	}
	if (state.chain_begun && state.node >> 1 != state.bucket - 1)
		retry_chain();
	else if (state.chain_begun)
		end_chain();
	return !state.chain_begun && begin_chain();
}

/* The kernel calls this through a pointer, which costs more than a step does. */
static long step(__u32 index, void *unused)
{
#pragma unroll
	for (__u32 i = 0; i < STEPS_A_CALL; i++)
		if (step_once())
			return 1;
	return 0;
}

/* Behind the part that all files of /proc/net have: struct ct_iter_state, which is the module's. */
struct place {
	__u64 base;
	__u64 net;
	__u32 end;
};

/*
 * Returns whether it is the file that we had at the first walk, before privileges went: whoever
 * takes over the exporter's process must not choose what the program reads.
 */
static __always_inline bool find_table(const struct file *file, struct place *place)
{
	const __u64 inode = (__u64)file->f_inode;
	const __u64 seq = (__u64)file->private_data;
	__u64 operations;
	__u64 at;

	if (!state.inode)
		state.inode = inode;
	if (inode != state.inode)
		return false;
	operations = LOAD64(seq, struct seq_file, op);
	if (!state.operations)
		state.operations = operations;
	if (operations != state.operations)
		return false;
	at = LOAD64(seq, struct seq_file, private);
	place->net = LOAD64(at, struct seq_net_private, net);
	at += bpf_core_type_size(struct seq_net_private);
	place->base = load64(at);
	place->end = load32(at + 8);
	return true;
}

static __always_inline void begin(const struct place *place)
{
	const __u32 steps = request.steps;

	state.serial = request.serial;
	state.base = place->base;
	state.net = place->net;
	state.end = place->base ? place->end : 0;
	state.steps = steps < STEPS_MAX ? steps : STEPS_MAX;
	state.bucket = state.tries = state.has_moved = state.changed = state.cut = 0;
}

SEC("iter/task_file")
int walk_table(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct place place;

	if (!task || !file || context->fd != table_file ||
	    task->tgid != (int)(bpf_get_current_pid_tgid() >> 32))
		return 0;
	state.records = state.steps_done = 0;
	state.node = 0;
	state.chain_begun = 0;
	state.is_missing = !find_table(file, &place);
	if (!state.is_missing) {
		if (state.serial != request.serial)
			begin(&place);
		state.has_moved |= place.base != state.base;
		if (!state.has_moved)
			bpf_loop(LOOPS_MAX, step, NULL, 0);
		/* It did not get to the end of the chain. */
		if (state.chain_begun)
			retry_chain();
	}
	state.is_done = state.is_missing || state.has_moved || state.bucket >= state.end;
	/* The same file again at the next read(). */
	return 1;
}
