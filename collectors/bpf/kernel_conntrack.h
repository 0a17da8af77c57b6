/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_KERNEL_CONNTRACK_H
#define EPHEMERA_BPF_KERNEL_CONNTRACK_H

/* What kernel.h is for sockets, for connection tracking. */

#include "collectors/bpf/kernel.h"

/* include/uapi/linux/netfilter/nf_conntrack_common.h */
#define IPS_EXPECTED (1 << 0) /* by a helper, such as that of FTP */
#define IPS_CONFIRMED (1 << 3)
#define IPS_SRC_NAT_DONE (1 << 7) /* it was looked at, whether that changed anything or not */

/* include/net/netfilter/nf_conntrack_tuple.h */
#define IP_CT_DIR_ORIGINAL 0
#define IP_CT_DIR_REPLY 1

#define NFCT_PTRMASK (~7ul) /* include/linux/skbuff.h: in the lowest bits is another number */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
		__u8 dir;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct hlist_nulls_node hnnode;
	struct nf_conntrack_tuple tuple;
};

struct nf_conntrack {
	int use; /* refcount_t */
};

struct ip_ct_tcp {
	__u8 state;
};

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
};

struct nf_conntrack_zone {
	__u16 id;
	__u8 dir; /* the bits of IP_CT_DIR_ORIGINAL and IP_CT_DIR_REPLY: which it is of */
};

/* An entry of connection tracking. */
struct nf_conn {
	struct nf_conntrack ct_general;
	__u32 timeout; /* the jiffies at which it ends */
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	struct nf_conntrack_zone zone; /* not in a kernel without CONFIG_NF_CONNTRACK_ZONES */
	possible_net_t ct_net;
	union nf_conntrack_proto proto;
};

struct inode;

struct file {
	void *private_data;
	struct inode *f_inode;
};

struct seq_operations;

struct seq_file {
	const struct seq_operations *op;
	void *private;
};

/* What files of /proc/net begin their own part of a seq_file with: include/linux/seq_file_net.h */
struct seq_net_private {
	struct net *net;
};

/* The context of a program at iter/task_file: kernel/bpf/task_iter.c. */
struct bpf_iter__task_file {
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
