/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_RECORD_H
#define EPHEMERA_BPF_WALK_RECORD_H

/* Makes a record of a socket, given as its address in the kernel's memory. */

#include "collectors/bpf/walk_memory.bpf.h"

#include "collectors/bpf/walk.h"

#define SOCK_BINDPORT_LOCK 8 /* include/linux/sock.h */

struct walk_request request SEC(".data.request");
struct walk_state state;
struct walk_record records[WALK_RECORDS];
const __u64 no_ports[WALK_PORTS / 64];
__u64 held[WALK_PORTS / 64]; /* the ports that bind() holds; filled by WALK_BINDS */

static __always_inline bool has_port(const __u64 ports[WALK_PORTS / 64], __u16 port)
{
	__u32 word = port / 64;

	/* Otherwise the compiler removes what shows the verifier that it is in bounds. */
	barrier_var(word);
	return ports[word & (WALK_PORTS / 64 - 1)] >> (port % 64) & 1;
}

static __always_inline void add_port(__u64 ports[WALK_PORTS / 64], __u16 port)
{
	__u32 word = port / 64;

	barrier_var(word);
	ports[word & (WALK_PORTS / 64 - 1)] |= 1ull << (port % 64);
}

/* What all sockets have: struct sock_common. */
struct seen {
	__u64 net;
	__u32 hash;
	__u32 interface;
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u8 state;
};

static __always_inline void look(__u64 at, struct seen *seen)
{
	seen->net = LOAD64(at, struct sock_common, skc_net);
	seen->hash = LOAD32(at, struct sock_common, skc_hash);
	seen->interface = LOAD32(at, struct sock_common, skc_bound_dev_if);
	seen->local_port = LOAD16(at, struct sock_common, skc_num);
	seen->remote_port = bpf_ntohs(LOAD16(at, struct sock_common, skc_dport));
	seen->family = LOAD16(at, struct sock_common, skc_family);
	seen->state = LOAD8(at, struct sock_common, skc_state);
}

static __always_inline bool is_of_net(const struct seen *seen)
{
	return !state.net || seen->net == state.net;
}

static __always_inline bool is_ours(const struct seen *seen)
{
	return is_of_net(seen) && (seen->family == AF_INET || seen->family == AF_INET6);
}

/* Most sockets have the same namespace as the one before. */
static __always_inline void know_net(__u64 net)
{
	if (net == state.last_net)
		return;
	state.last_net = net;
	state.last_namespace_id = (__u32)LOAD64(net, struct net, net_cookie);
	state.last_hash_mix = LOAD32(net, struct net, hash_mix);
}

static __always_inline bool is_wanted(const struct seen *seen)
{
	return !state.by_ports || has_port(request.wanted, seen->local_port) ||
	       has_port(request.wanted, seen->remote_port);
}

static __always_inline __u64 cgroup_of(__u64 at)
{
	const __u64 cgroup = LOAD64(at, struct sock, sk_cgrp_data.cgroup);

	/* Most sockets share it with the one before. */
	if (cgroup != state.last_cgroup) {
		state.last_cgroup = cgroup;
		state.last_cgroup_id =
		    cgroup ? LOAD64(LOAD64(cgroup, struct cgroup, kn), struct kernfs_node, id) : 0;
	}
	return state.last_cgroup_id;
}

static __always_inline __u32 inode_of(__u64 at)
{
	const __u64 socket = LOAD64(at, struct sock, sk_socket);

	/* They are one allocation: SOCK_INODE() in include/net/sock.h. */
	return socket ? LOAD64(socket - PLACE(struct socket_alloc, socket), struct socket_alloc,
			    vfs_inode.i_ino)
		      : 0;
}

static __always_inline bool is_chosen(__u64 at)
{
	return LOAD_BITS(at, struct sock, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

/* NULL: there is no room, and state.is_full says so. */
static __always_inline struct walk_record *new_record(__u64 at, const struct seen *seen)
{
	__u32 index = state.records;
	struct walk_record *record;

	barrier_var(index);
	if (index >= WALK_RECORDS) {
		state.is_full = 1;
		return NULL;
	}
	state.records = index + 1;
	record = &records[index & (WALK_RECORDS - 1)];
	if (seen->family == AF_INET6) {
		const __u64 local = at + PLACE(struct sock_common, skc_v6_rcv_saddr);
		const __u64 remote = at + PLACE(struct sock_common, skc_v6_daddr);

		*(__u64 *)&record->local[0] = load64(local);
		*(__u64 *)&record->local[2] = load64(local + 8);
		*(__u64 *)&record->remote[0] = load64(remote);
		*(__u64 *)&record->remote[2] = load64(remote + 8);
		record->flags =
		    WALK_IPV6 |
		    (LOAD_BITS(at, struct sock_common, skc_ipv6only) ? WALK_IPV6_ONLY : 0);
	} else {
		*(__u64 *)&record->local[0] = 0;
		*(__u64 *)&record->local[2] = 0;
		*(__u64 *)&record->remote[0] = 0;
		*(__u64 *)&record->remote[2] = 0;
		record->local[0] = LOAD32(at, struct sock_common, skc_rcv_saddr);
		record->remote[0] = LOAD32(at, struct sock_common, skc_daddr);
		record->flags = 0;
	}
	know_net(seen->net);
	record->cgroup_id = 0;
	record->interface = seen->interface;
	record->namespace_id = state.last_namespace_id;
	record->local_port = seen->local_port;
	record->remote_port = seen->remote_port;
	record->state = seen->state;
	record->value = record->other = 0;
	return record;
}

/* A socket with a file: UDP, or one that only called bind(). */
static __always_inline void add_owned(__u64 at, const struct seen *seen)
{
	struct walk_record *record = new_record(at, seen);

	if (!record)
		return;
	record->cgroup_id = cgroup_of(at);
	record->flags |= is_chosen(at) ? WALK_CHOSEN : 0;
	record->value = inode_of(at);
	record->other = LOAD32(at, struct sock, sk_uid.val);
}

static __always_inline void add_listener(__u64 at, const struct seen *seen)
{
	struct walk_record *record = new_record(at, seen);

	if (!record)
		return;
	record->cgroup_id = cgroup_of(at);
	record->flags |= is_chosen(at) ? WALK_CHOSEN : 0;
	record->value = LOAD32(at, struct sock, sk_ack_backlog);
	record->other = LOAD32(at, struct sock, sk_max_ack_backlog);
}

/* IP_LOCAL_PORT_RANGE, in the form since Linux 6.8. Before 6.3 there is none. */
static __always_inline __u32 own_range_of(__u64 at)
{
	if (bpf_core_field_exists(struct inet_sock, local_port_range))
		return LOAD32(at, struct inet_sock, local_port_range);
	if (bpf_core_field_exists(struct inet_sock___split, local_port_range.lo))
		return (__u32)LOAD16(at, struct inet_sock___split, local_port_range.hi) << 16 |
		       LOAD16(at, struct inet_sock___split, local_port_range.lo);
	return 0;
}

static __always_inline void add_time_wait(__u64 at, struct walk_record *record)
{
	/* Also FIN_WAIT2, if the kernel waits for the peer's FIN without the socket. */
	record->state = LOAD8(at, struct inet_timewait_sock, tw_substate);
	record->value =
	    (__u32)LOAD64(at, struct inet_timewait_sock, tw_timer.expires) - (__u32)bpf_jiffies64();
	record->flags |= WALK_TIMER;
	/* The check of tcp_twsk_unique(), without the settings. */
	if (LOAD32(at, struct tcp_timewait_sock, tw_ts_recent_stamp))
		record->flags |= WALK_STAMPED;
}

static __always_inline __u64 max(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* How long ago that was at least: the tick of the stamp had begun before. */
static __always_inline __u64 ms_since(__u32 stamp)
{
	const __u32 ticks = (__u32)bpf_jiffies64() - stamp;

	return ticks ? (__u64)(ticks - 1) * state.tick_ns / 1000000 : 0;
}

/*
 * How old the connection is at least. Nothing tells when it was made; but tcp_init_transfer() sets
 * some times when it is established, and each stays until something happens to the connection.
 */
static __always_inline void add_age(__u64 at, struct walk_record *record)
{
	const __u32 sent = LOAD32(at, struct tcp_sock, lsndtime);
	const __u32 window = LOAD32(at, struct tcp_sock, snd_cwnd_stamp);
	const __u64 received = LOAD64(at, struct tcp_sock, rcvq_space.time); /* microseconds */
	const __u64 now = bpf_ktime_get_ns() / 1000;
	__u64 age = 0;

	if (record->state == TCP_SYN_SENT || record->state == TCP_SYN_RECV)
		return;
	/* These wrap: then they tell too little, which is still true. */
	if (sent)
		age = max(age, ms_since(sent));
	if (window)
		age = max(age, ms_since(window));
	if (received && received < now)
		age = max(age, (now - received) / 1000);
	record->value = age > 0xffffffff ? 0xffffffff : (__u32)age;
	record->flags |= WALK_AGED;
}

/* close() takes the file away from it: sock_orphan() in include/net/sock.h. */
static __always_inline bool is_abandoned(__u64 at, __u8 tcp_state)
{
	const __u32 closing =
	    1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING;

	return (closing >> (tcp_state & 31) & 1) && !LOAD64(at, struct sock, sk_socket);
}

static __always_inline void add_connected(__u64 at, const struct seen *seen)
{
	struct walk_record *record;

	if (!is_wanted(seen))
		return;
	record = new_record(at, seen);
	if (!record)
		return;
	if (seen->state == TCP_TIME_WAIT) {
		add_time_wait(at, record);
		return;
	}
	if (seen->state == TCP_NEW_SYN_RECV) {
		record->state = TCP_SYN_RECV;
		return;
	}
	record->cgroup_id = cgroup_of(at);
	record->flags |= is_abandoned(at, seen->state) ? WALK_ABANDONED : 0;
	/*
	 * Whether bind() or connect() took the port: only then does the other member count. Of all
	 * namespaces, user space knows that.
	 */
	if (!state.net || has_port(held, seen->local_port))
		record->flags |= is_chosen(at) ? WALK_CHOSEN : 0;
	if (!state.net || !has_port(held, seen->local_port))
		record->other = own_range_of(at);
	if (state.by_ports)
		add_age(at, record);
}

#endif
