/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_EXHAUSTION_H
#define EPHEMERA_BPF_EXHAUSTION_H

/* The memory that exhaustion.bpf.c writes and collectors/kernel/exhaustion_probe.c reads. */

#include <linux/types.h>

/* Of a failure: which call found no port. */
enum exhausted_call {
	EXHAUSTED_CONNECT,  /* TCP connect(): none left towards the destination */
	EXHAUSTED_BIND_TCP, /* bind() to port 0 or listen(): none left on the local address */
	EXHAUSTED_BIND_UDP, /* the same of UDP, and its connect() and sendto() */
	EXHAUSTED_CALLS
};

#define EXHAUSTED_FAMILIES 2 /* IPv4, with what is mapped into IPv6; IPv6 */

/*
 * A table of keys and how often each failed, as large as it will ever be. A place is taken
 * once, for good: who reads it finds state TALLY_TAKEN before anything else.
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

/* Powers of two. Beyond TALLY_PROBES places that others have, a key is not told apart. */
#define TALLY_DESTINATIONS 4096
#define TALLY_OWNERS 1024
#define TALLY_PROBES 32

/* The key of a destination; that of an owner is its cgroup's id, and two zeroes. */
static inline __u64 tally_word(__u32 interface, __u16 port, __u16 family)
{
	return (__u64)interface << 32 | (__u32)port << 16 | family;
}

struct exhaustion_shared {
	__u64 failures[EXHAUSTED_CALLS][EXHAUSTED_FAMILIES];
	__u64 untracked_destinations; /* connect() that no place could be found for */
	__u64 untracked_owners;	      /* calls, likewise, and those of sockets without a cgroup */
};

/* Written by user space: when TIME_WAIT blocks a port, by the namespace's settings. */
struct time_wait_rule {
	__u32 reuse; /* tcp_tw_reuse; 0 where the kernel does not follow it */
	__u32 reuse_delay_ms;
};

/* Upper bounds of the histograms, in nanoseconds; the last bucket has none. */
#define LEASE_BOUNDS 18
#define LEASE_BUCKETS (LEASE_BOUNDS + 1)

struct lease_histogram {
	__u64 counts[LEASE_BUCKETS];
	__u64 sum_ns;
};

/* Of each processor, so that none waits for another. */
struct lease_histograms {
	struct lease_histogram held;
	struct lease_histogram reused;
	__u64 untracked;
};

/*
 * The leases of some sockets, by their cookies, which no other socket ever has; 0: none. So many
 * that hardly one finds them taken where half of all places are.
 */
#define LEASES_BESIDE 16

struct leases {
	__u64 cookies[LEASES_BESIDE];
	__u64 starts[LEASES_BESIDE]; /* CLOCK_MONOTONIC, in nanoseconds */
};

/* One failure, told as it happens. */
struct exhausted_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 cgroup_id;
	__u8 local[16]; /* addresses as in struct socket_address */
	__u8 remote[16];
	__u32 interface;
	__u32 pid;
	__u16 remote_port;
	__u8 family; /* 0 IPv4, 1 IPv6 */
	__u8 call;   /* enum exhausted_call */
	char comm[16];
};

#endif
