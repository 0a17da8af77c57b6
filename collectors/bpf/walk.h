/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_H
#define EPHEMERA_BPF_WALK_H

/* What walk.bpf.c and collectors/kernel/walk.c tell each other, in memory that they share. */

#include <linux/types.h>

#define WALK_PORTS 65536u
#define WALK_RECORDS 4096u /* a power of two: how many sockets one read() hands on at most */

/* The kernel's hash tables. */
enum walk_table {
	WALK_LISTENERS, /* lhash2 */
	WALK_BINDS,	/* bhash: the ports that bind() holds, and sockets that only bind() */
	WALK_CONNECTED, /* ehash: every other TCP socket */
	WALK_UDP,
	WALK_TABLES,
	/* Not of sockets: */
	WALK_NAMESPACES = WALK_TABLES, /* the network namespaces, as struct walk_namespace */
	WALK_RESERVED,		       /* one namespace's reserved ports, to `reserved` */
};

#define WALK_IPV6 (1u << 0)
#define WALK_IPV6_ONLY (1u << 1)
#define WALK_CHOSEN (1u << 2)	 /* bind() got its port by number: SOCK_BINDPORT_LOCK */
#define WALK_STAMPED (1u << 3)	 /* TIME_WAIT: its connection had TCP timestamps */
#define WALK_TIMER (1u << 4)	 /* value is that of a TIME_WAIT timer */
#define WALK_AGED (1u << 5)	 /* value is an age */
#define WALK_HELD (1u << 6)	 /* no socket: bind() holds local_port in this namespace */
#define WALK_ABANDONED (1u << 7) /* no file refers to it; told only of a socket that is closing */

/* A socket: one cache line. */
struct walk_record {
	__u32 local[4]; /* in network byte order; an IPv4 address is the first word */
	__u32 remote[4];
	__u64 cgroup_id; /* 0: it has none */
	__u32 interface; /* 0: it is bound to none */
	__u32 namespace_id;
	__u16 local_port; /* in the host's order, as is the next */
	__u16 remote_port;
	__u8 state; /* enum socket_state */
	__u8 flags;
	__u16 unused;
	/* LISTEN: connections that wait. UDP and bound-only: the inode. Else see flags:
	 * jiffies until the timer ends, or an age in milliseconds. */
	__u32 value;
	/* LISTEN: how many may wait. UDP and bound-only: the user. Else a range of its own
	 * (IP_LOCAL_PORT_RANGE): last port << 16 | first; 0: none. */
	__u32 other;
};

#define WALK_READER (1u << 0)	     /* the namespace of whoever reads */
#define WALK_OWN_TCP_TABLE (1u << 1) /* its connections are in a table of their own */
#define WALK_OWN_UDP_TABLE (1u << 2)
#define WALK_HAS_RESERVED (1u << 3) /* it has reserved ports */
#define WALK_FIRST (1u << 4)	    /* the host's first one, in which it started */

/* A network namespace, in the place of a record. */
struct walk_namespace {
	/*
	 * The lower half of its cookie (net_cookie), which no other namespace gets until the next
	 * start, but for every 2^32th. Its inode can go to the next one at once.
	 */
	__u32 id;
	__u32 inode;
	__u32 flags;
	__u16 first_port; /* ip_local_port_range */
	__u16 last_port;
	__u32 unprivileged_first_port;
	__u32 time_wait_reuse;
	__u32 time_wait_reuse_delay_ms; /* 0: this kernel has no such setting */
	__u32 fin_timeout_ms;
	__u32 time_wait_limit; /* tcp_max_tw_buckets */
	__u32 bind_ipv6_only;
	__u32 unused[6];
};

/*
 * What user space asks for: all that it can write. Whoever takes over the exporter's process must
 * not choose what the program reads, so the rest, which has addresses, is mapped for reading alone.
 */
struct walk_request {
	__u64 serial;	/* a new number begins a new walk */
	__u32 table;	/* enum walk_table */
	__u32 steps;	/* how many buckets and sockets one read() looks at, about */
	__u32 tick_ns;	/* of a jiffy */
	__u32 by_ports; /* only sockets that have a port of `wanted`, and their age */
	__u32 all;	/* sockets of every namespace that are in the table */
	__u32
	    namespace_id; /* whose table; 0: the reader's, or with `all` the one that most share */
	__u64 wanted[WALK_PORTS / 64];
};

/* Everything is 0 at the start of a walk. */
struct walk_state {
	__u64 serial; /* of the request */
	__u32 table;  /* these from the request, too */
	__u32 steps;
	__u32 tick_ns;
	__u32 by_ports;

	/* Where it is. */
	__u32 bucket; /* the next one */
	__u32 end;    /* how many there are */
	__u32 mask;
	__u32 is_missing;  /* the namespace is gone */
	__u64 net;	   /* whose sockets; 0: of all */
	__u64 base;	   /* of the table */
	__u32 one_by_one;  /* up to this bucket, one chain at a time: several had no room */
	__u32 chain_skips; /* sockets of the next chain that were handed on already */
	__u32 tries;	   /* of the same buckets */
	__u32 is_done;

	/* What it found. */
	__u32 records;
	__u64 changed; /* chains that changed too often: sockets may be missing or double */
	__u64 cut;     /* chains that were too long: sockets are missing */

	/* The rest is the program's own. */
	__u64 node;
	__u64 bind_bucket;
	__u64 bind2_bucket;
	__u32 chain_begun;
	__u32 chain_records; /* how many there were at its start */
	__u32 chain_seen;    /* sockets of the chain, handed on or skipped */
	__u32 others;	     /* owners of a bucket, one after the other, that are not bound-only */
	__u32 first_bucket;  /* of this read() */
	__u32 steps_done;
	__u16 bind_port;
	__u8 is_full;
	__u8 has_changed;
	__u64 bind_net;
	/* Of the last socket's namespace. */
	__u64 last_net;
	__u32 last_namespace_id;
	__u32 last_hash_mix;
	/* In the list of namespaces. */
	__u64 ring_start;
	__u64 ring_at;
	__u64 first_net;
	__u64 ring_ops;	  /* what tells a namespace from the list's head */
	__u32 ring_skips; /* the ones up to the last that was handed on come first */
	__u32 ring_last;  /* its id */
	__u32 ring_found;
	__u64 last_cgroup;
	__u64 last_cgroup_id;
	__u64 touched;
};

#define WALK_LANES 8u /* a power of two */

/* One of several chains that are walked at a time. The program's own, too. */
struct walk_lane {
	__u64 node;
	__u32 bucket; /* whose chain it follows */
	__u32 unused;
};

#endif
