/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_KERNEL_H
#define EPHEMERA_BPF_KERNEL_H

/*
 * The kernel's types, as far as our BPF programs read them. Only the names count: libbpf finds the
 * place of each member in the running kernel's BTF when it loads a program (CO-RE). So members that
 * are not read are left out, and the order means nothing.
 */

#include <stdbool.h>

#include <linux/types.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define LOOPBACK_IFINDEX 1

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_TIME_WAIT 6
#define TCP_CLOSE 7
#define TCP_LAST_ACK 9
#define TCP_LISTEN 10
#define TCP_CLOSING 11
#define TCP_NEW_SYN_RECV 12

enum skb_drop_reason {
	SKB_DROP_REASON_NETFILTER_DROP = 1, /* Linux 5.18; each kernel has its own number */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct proc_ns_operations;

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};

struct list_head {
	struct list_head *next;
};

/* include/linux/list_nulls.h: at the end of a chain is no pointer, but an odd number. */
struct hlist_nulls_node {
	struct hlist_nulls_node *next;
};

struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* include/net/inet_hashtables.h */
struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};

struct inet_bind_hashbucket {
	struct hlist_head chain;
};

struct inet_listen_hashbucket {
	struct hlist_nulls_head nulls_head;
};

struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	struct inet_bind_hashbucket *bhash;
	unsigned int bhash_size;
	unsigned int lhash2_mask;
	struct inet_listen_hashbucket *lhash2;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
	int sysctl_max_tw_buckets;
};

/* include/net/udp.h */
struct udp_hslot {
	struct hlist_head head;
};

struct udp_table {
	struct udp_hslot *hash;
	unsigned int mask;
};

struct local_ports {
	__u32 range; /* Linux 6.8: the last port << 16 | the first */
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table; /* Linux 6.2 */
	struct local_ports ip_local_ports;
	__u8 sysctl_tcp_tw_reuse;
	unsigned int sysctl_tcp_tw_reuse_delay; /* Linux 6.14 */
	int sysctl_tcp_fin_timeout;		/* in jiffies */
	unsigned long *sysctl_local_reserved_ports;
	int sysctl_ip_prot_sock;
};

/* Before Linux 6.8. */
struct local_ports___split {
	int range[2];
};

struct netns_ipv4___split {
	struct local_ports___split ip_local_ports;
};

struct netns_sysctl_ipv6 {
	__u8 bindv6only;
};

struct netns_ipv6 {
	struct netns_sysctl_ipv6 sysctl;
};

struct net {
	struct list_head list; /* of all network namespaces */
	struct ns_common ns;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
	__u32 hash_mix;
	__u64 net_cookie;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
	int tgid;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	unsigned int skc_hash;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	struct hlist_node skc_bind_node;
	struct hlist_node skc_node;
	struct hlist_nulls_node skc_nulls_node;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct inode {
	unsigned long i_ino;
};

struct socket {
	short type;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	unsigned char sk_userlocks : 4;
	int sk_err;
	__u32 sk_txhash;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	kuid_t sk_uid;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	__be16 inet_sport;
	__u32 local_port_range; /* Linux 6.8: the last port << 16 | the first; 0: none of its own */
};

/* Linux 6.3 to 6.7. */
struct inet_sock___split {
	struct {
		__u16 lo;
		__u16 hi;
	} local_port_range;
};

struct inet_bind_bucket {
	possible_net_t ib_net;
	unsigned short port;
	signed char fastreuse;
	signed char fastreuseport;
	struct hlist_node node;
	struct hlist_head bhash2; /* Linux 6.8: its struct inet_bind2_bucket */
};

/* Before Linux 6.8. */
struct inet_bind_bucket___owned {
	struct hlist_head owners;
};

struct inet_bind2_bucket {
	struct hlist_node bhash_node;
	struct hlist_head owners;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct inet_bind_bucket *icsk_bind_hash;
};

struct tcp_options_received {
	int ts_recent_stamp;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	__u32 lsndtime;
	__u32 snd_cwnd_stamp;
	struct {
		__u64 time;
	} rcvq_space;
};

struct timer_list {
	unsigned long expires;
};

struct inet_timewait_sock {
	struct inet_bind_bucket *tw_tb;
	volatile unsigned char tw_substate;
	struct timer_list tw_timer;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
	int tw_ts_recent_stamp;
};

struct sk_buff {
	unsigned long _nfct; /* a struct nf_conn, and how the packet belongs to it */
	int skb_iif;	     /* by which interface it came; 0: this host sends it */
};

struct bpf_map;

/* The context of a program at iter/bpf_map: kernel/bpf/map_iter.c. */
struct bpf_iter__bpf_map {
	struct bpf_map *map;
};

/* The context of a program at iter/tcp: net/ipv4/tcp_ipv4.c. */
struct bpf_iter__tcp {
	struct sock_common *sk_common;
};

#pragma clang attribute pop

#endif
