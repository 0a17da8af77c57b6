/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_SNAT_LOST_H
#define EPHEMERA_BPF_SNAT_LOST_H

/* The memory that snat_lost.bpf.c writes and collectors/kernel/snat_lost_probe.c reads. */

#include <linux/types.h>

#include "collectors/bpf/exhaustion.h"

/* A power of two. If TALLY_PROBES places have other destinations, one is not counted by itself. */
#define SNAT_LOST_DESTINATIONS 1024

/* Between which addresses a packet would have gone. No byte of it is padding: it is compared whole.
 */
struct snat_destination {
	__u8 source[16];      /* the SNAT address: see struct socket_address */
	__u8 destination[16]; /* after DNAT */
	__u16 port;	      /* of the destination */
	__u8 protocol;	      /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 family;	      /* 0 IPv4, 1 IPv6 */
	__u16 zone;	      /* of answers: see struct conntrack_entry; 0: the default one */
	__u16 unused;
} __attribute__((aligned(8)));

/*
 * Packets are counted in a tally (exhaustion.h), whose key is its place's own number: the struct
 * snat_destination of the same number in another table.
 */
struct snat_lost_shared {
	__u64 untracked; /* packets to destinations without a place */
};

/* One packet, sent as it is lost. */
struct snat_lost_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct snat_destination to;
	__u8 client[16];    /* where it came from, before SNAT */
	__u32 namespace_id; /* these two: see struct walk_namespace */
	__u32 namespace_inode;
	__u16 client_port;
	__u16 unused[3];
};

#endif
