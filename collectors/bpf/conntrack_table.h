/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_CONNTRACK_TABLE_H
#define EPHEMERA_BPF_CONNTRACK_TABLE_H

/*
 * What conntrack_table.bpf.c and collectors/kernel/conntrack_table.c tell each other, in memory
 * that they share.
 */

#include <linux/types.h>

/* Entries that one read() hands on, at most; a power of two, and more than a chain has. */
#define TABLE_RECORDS 1024u

/* From whom to whom packets of one direction go. An IPv4 address is the first word. */
struct table_tuple {
	__u32 source[4]; /* in network byte order */
	__u32 destination[4];
	__u16 source_port; /* in the host's order */
	__u16 destination_port;
};

struct table_record {
	struct table_tuple original;
	struct table_tuple reply;
	__u8 protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 family;	/* AF_INET or AF_INET6 */
	__u8 tcp_state; /* enum tcp_conntrack; 0: not of TCP */
	__u8 unused;
	__u16 zone; /* of answers: see struct conntrack_entry; 0: the default one */
	__u16 more_unused;
};

/* What user space asks for: all that it can write. */
struct table_request {
	__u64 serial; /* a new number begins a new walk */
	__u32 steps;  /* how many chains and entries one read() looks at, about */
};

struct table_state {
	/* These stay from one walk to the next. */
	__u64 inode; /* what tells the file of connection tracking from all others */
	__u64 operations;

	/* Of the walk. */
	__u64 serial;
	__u64 base; /* of the table */
	__u64 net;  /* whose entries */
	__u64 node;
	__u32 bucket; /* the next one */
	__u32 end;    /* how many there are */
	__u32 steps;
	__u32 steps_done; /* of this read() */
	__u32 tries;	  /* of the same chain */
	__u32 chain_begun;
	__u32 chain_nodes;   /* how many were looked at */
	__u32 chain_records; /* how many records there were at its start */

	/* What it found. */
	__u32 records;
	__u32 is_done;
	__u32 is_missing; /* the descriptor is no longer of that file */
	__u32 has_moved;  /* the kernel made a new table meanwhile */
	__u32 changed;	  /* chains that changed too often: entries may be missing or double */
	__u32 cut;	  /* chains that were too long: entries are missing */
};

#endif
