/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_LEASE_EVENTS_H
#define EPHEMERA_BPF_LEASE_EVENTS_H

/* What lease_events.bpf.c sends, for collectors/kernel/lease_probe.c. */

#include <linux/types.h>

/* The first member of each record. */
enum lease_record_kind {
	LEASE_ENDED,  /* struct lease_event */
	LEASE_CGROUP, /* struct lease_cgroup: the first lease of a cgroup has begun */
};

struct lease_cgroup {
	__u32 kind;
	__u32 unused;
	__u64 cgroup_id;
};

/* An outgoing connection that has ended. */
struct lease_event {
	__u32 kind;
	__u32 interface;
	__u64 cgroup_id; /* 0: none */
	__u64 from_ns;	 /* CLOCK_MONOTONIC: connect() began */
	__u64 until_ns;	 /* the socket left its last state */
	__u8 local[16];	 /* see struct socket_address */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u8 family; /* 0 IPv4, 1 IPv6 */
	__u8 state;  /* the last one before CLOSE */
	__u16 error; /* errno that the connection ended with; 0: none */
	__u32 pid;   /* that called connect() */
	char comm[16];
};

struct lease_losses {
	__u64 lost;	 /* ended while there was no room for a record */
	__u64 untracked; /* gave way to others while they were held */
};

/*
 * The leases of some sockets, by their cookies, which are unique; 0: a free place. At 50 % load a
 * full bucket is rare.
 */
#define FOLLOWED_BESIDE 16
#define FOLLOWED_CLAIMED (~0ull) /* being written */

struct followed_lease {
	__u64 cookie;
	__u64 start;
	__u64 cgroup_id;
	char comm[16];
	__u32 pid;
	__u32 unused[5]; /* so that it is one line of the processor's cache */
};

struct followed {
	struct followed_lease leases[FOLLOWED_BESIDE];
};

#endif
