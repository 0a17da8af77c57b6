/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_EXHAUSTION_H
#define EPHEMERA_BPF_EXHAUSTION_H

/* The memory that exhaustion.bpf.c writes and collectors/kernel/exhaustion_probe.c reads. */

#include <linux/types.h>

/* The call that found no port. */
enum exhausted_call {
	EXHAUSTED_CONNECT,  /* TCP connect(): none left towards the destination */
	EXHAUSTED_BIND_TCP, /* bind() to port 0 or listen(): none left on the local address */
	EXHAUSTED_BIND_UDP, /* the same for UDP, and its connect() and sendto() */
	EXHAUSTED_CALLS
};

#define EXHAUSTED_FAMILIES 2 /* IPv4, including IPv4-mapped IPv6; IPv6 */

/*
 * A table of keys and how often each failed, of fixed size. A place is taken once and for good.
 * Readers must check for state TALLY_TAKEN before they read the rest.
 */
#define TALLY_FREE 0
#define TALLY_CLAIMED 1 /* its key is being written */
#define TALLY_TAKEN 2

struct tally_key {
	__u64 words[3];
};

struct tally_place {
	__u64 state;
	struct tally_key key;
	__u64 count;
};

/* Powers of two. If TALLY_PROBES places have other keys, a key is not counted by itself. */
#define TALLY_DESTINATIONS 4096
#define TALLY_OWNERS 1024
#define TALLY_CONFLICTS 4096
#define TALLY_PROBES 32

/* Part of a destination's key. The key of an owner is its cgroup's id and two zeroes. */
static inline __u64 tally_word(__u32 interface, __u16 port, __u16 family)
{
	return (__u64)interface << 32 | (__u32)port << 16 | family;
}

/* The key of a bind conflict is this and two zeroes. protocol: IPPROTO_TCP or IPPROTO_UDP. */
static inline __u64 conflict_word(__u16 protocol, __u16 port)
{
	return (__u64)protocol << 16 | port;
}

struct exhaustion_shared {
	__u64 failures[EXHAUSTED_CALLS][EXHAUSTED_FAMILIES];
	__u64 untracked_destinations; /* connect() calls without a place */
	__u64 untracked_owners;	      /* calls without a place, or of sockets without a cgroup */
	__u64 untracked_conflicts;    /* bind conflicts without a place */
};

/* Upper bounds of the histograms, in nanoseconds; the last bucket has none. */
#define LEASE_BOUNDS 18
#define LEASE_BUCKETS (LEASE_BOUNDS + 1)

struct lease_histogram {
	__u64 counts[LEASE_BUCKETS];
	__u64 sum_ns;
};

/* One for each processor, so that none waits for another. */
struct lease_histograms {
	struct lease_histogram held;
	struct lease_histogram reused;
	__u64 untracked;
	__u64 opens; /* connect() calls that got a port */
};

/* What a cgroup did towards a destination, or a network namespace, with leases. */
struct lease_counts {
	__u64 opens;   /* connect() calls that got a port */
	__u64 leases;  /* of these, connections that ended */
	__u64 held_ns; /* how long they held their ports, as in struct lease_histogram */
};

/*
 * The leases of some sockets, by their cookies, which are unique; 0: a free place. At 50 % load a
 * full bucket is rare.
 */
#define LEASES_BESIDE 16
#define LEASE_CLAIMED (~0ull) /* instead of a cookie: its start is being written */

struct leases {
	__u64 cookies[LEASES_BESIDE];
	__u64 starts[LEASES_BESIDE]; /* CLOCK_MONOTONIC, in nanoseconds */
};

/*
 * The index of the only struct leases that can have the cookie, of 1 << order of them. Cookies are
 * consecutive. This spreads connections that a program opens together and keeps; otherwise they
 * would push out all later ones in the same bucket. If every eighth is kept, each turn round the
 * table must begin one further on.
 */
static inline __u32 leases_place(__u64 cookie, __u32 order)
{
	return (__u32)(cookie + (cookie >> order)) & ((1u << order) - 1);
}

/* Of a refused bind(): what was asked for. */
#define REFUSED_LISTEN 1    /* listen() was refused, not bind() */
#define REFUSED_IPV6_ONLY 2 /* :: was asked for without 0.0.0.0 */

/* One failure, sent as it happens. */
struct exhausted_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 cgroup_id;
	__u8 local[16]; /* see struct socket_address */
	__u8 remote[16];
	__u32 interface;
	__u32 pid;
	__u16 remote_port;
	__u8 family; /* 0 IPv4, 1 IPv6 */
	__u8 call;   /* enum exhausted_call */
	char comm[16];
	__u16 refused_port; /* the port that the call asked for; 0: it asked for any */
	__u8 refused;	    /* REFUSED_*, or'ed */
	__u8 unused;
	__u32 namespace_id; /* these two: see struct walk_namespace */
	__u32 namespace_inode;
};

#endif
