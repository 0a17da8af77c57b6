// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Counts the packets that are lost because source NAT finds no port for them. It runs in the kernel
 * whenever a packet is dropped, so it first returns for those that netfilter did not drop.
 *
 * Source NAT drops nothing itself. If it finds no port, it leaves one that is taken, so that the
 * entry of connection tracking cannot be inserted. Then the last hook drops the packet:
 * nf_conntrack_confirm() in net/netfilter/nf_conntrack_core.c. So a packet that source NAT has seen
 * and that is dropped without a confirmed entry is lost. A firewall's rules come before source NAT.
 *
 * Not so for a connection that a helper expected: nf_nat_follow_master() translates it before
 * routing, and looks for no port.
 */
#include "collectors/bpf/snat_lost.h"
#include "collectors/bpf/kernel_conntrack.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Only programs under the GPL may call some of the kernel's functions. */
char LICENSE[] SEC("license") = "GPL";

/* Set before loading. The network namespace that is watched; 0: all are. */
const volatile __u32 namespace_inode;
const volatile bool tells_events;

struct snat_lost_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SNAT_LOST_DESTINATIONS);
	__type(key, __u32);
	__type(value, struct tally_place);
} lost SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SNAT_LOST_DESTINATIONS);
	__type(key, __u32);
	__type(value, struct snat_destination);
} lost_to SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} lost_events SEC(".maps");

#define WORDS (sizeof(struct snat_destination) / sizeof(__u64))

static __always_inline bool is_same(const void *first, const void *second)
{
	const __u64 *a = first;
	const __u64 *b = second;

	for (unsigned i = 0; i < WORDS; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static __always_inline __u32 hash(const void *destination)
{
	const __u64 *words = destination;
	__u64 mixed = 0;

	for (unsigned i = 0; i < WORDS; i++) {
		mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15ull;
		mixed ^= mixed >> 29;
	}
	return mixed >> 32;
}

/* Returns whether it was counted: not if there is no place, or another processor takes one now. */
static __always_inline bool tally(const struct snat_destination *to)
{
	const __u32 start = hash(to);

	for (__u32 i = 0; i < TALLY_PROBES; i++) {
		const __u32 at = (start + i) & (SNAT_LOST_DESTINATIONS - 1);
		struct tally_place *place = bpf_map_lookup_elem(&lost, &at);
		struct snat_destination *there = bpf_map_lookup_elem(&lost_to, &at);

		if (!place || !there)
			return false;
		if (__sync_val_compare_and_swap(&place->state, TALLY_FREE, TALLY_CLAIMED) ==
		    TALLY_FREE) {
			*there = *to;
			place->key.words[0] = at;
			place->count = 1;
			/* An exchange orders memory: all is there before it is taken. */
			__sync_lock_test_and_set(&place->state, TALLY_TAKEN);
			return true;
		}
		if (place->state != TALLY_TAKEN)
			return false;
		if (is_same(there, to)) {
			__sync_fetch_and_add(&place->count, 1);
			return true;
		}
	}
	return false;
}

/* l3num: of the entry. Anything behind an IPv4 address is none of it. */
static __always_inline void read_address(
    const union nf_inet_addr *address, __u16 l3num, __u8 into[static 16])
{
	bpf_core_read(into, l3num == AF_INET6 ? 16 : 4, address);
}

/* The zone that a port has to be free in: nf_ct_zone_id() in nf_conntrack_zones.h. */
static __always_inline __u16 zone_of(struct nf_conn *entry)
{
	if (!bpf_core_field_exists(entry->zone) ||
	    !(BPF_CORE_READ(entry, zone.dir) & 1 << IP_CT_DIR_REPLY))
		return 0;
	return BPF_CORE_READ(entry, zone.id);
}

/* Returns whether it is a packet of TCP or UDP. */
static __always_inline bool read_destination(
    struct nf_conn *entry, __u16 l3num, struct snat_destination *to)
{
	/* Answers come from the destination to the SNAT address. */
	struct nf_conntrack_tuple *reply = &entry->tuplehash[IP_CT_DIR_REPLY].tuple;

	to->protocol = BPF_CORE_READ(reply, dst.protonum);
	if (to->protocol != IPPROTO_TCP && to->protocol != IPPROTO_UDP)
		return false;
	to->family = l3num == AF_INET6;
	to->port = bpf_ntohs(BPF_CORE_READ(reply, src.u.all));
	to->zone = zone_of(entry);
	read_address(&reply->dst.u3, l3num, to->source);
	read_address(&reply->src.u3, l3num, to->destination);
	return true;
}

static __always_inline void tell(
    struct nf_conn *entry, struct net *net, __u16 l3num, const struct snat_destination *to)
{
	struct snat_lost_event *event = bpf_ringbuf_reserve(&lost_events, sizeof(*event), 0);
	struct nf_conntrack_tuple *original = &entry->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	__u8 client[16] = {0};

	/* It is counted anyway, so the reader knows how many events are missing. */
	if (!event)
		return;
	read_address(&original->src.u3, l3num, client);
	event->time_ns = bpf_ktime_get_ns();
	event->to = *to;
	__builtin_memcpy(event->client, client, sizeof(event->client));
	event->namespace_id = (__u32)BPF_CORE_READ(net, net_cookie);
	event->namespace_inode = BPF_CORE_READ(net, ns.inum);
	event->client_port = bpf_ntohs(BPF_CORE_READ(original, src.u.all));
	event->unused[0] = event->unused[1] = event->unused[2] = 0;
	bpf_ringbuf_submit(event, 0);
}

/*
 * Whether source NAT let the packet go as it came: what is sent to this host passes it, too. A port
 * that it tried in vain is another one, as good as always; not that of this host's own packets,
 * which may have been in the range before.
 */
static __always_inline bool is_as_it_came(const struct sk_buff *skb, struct nf_conn *entry,
    const struct snat_destination *to, __u16 l3num)
{
	struct nf_conntrack_tuple *original = &entry->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	struct nf_conntrack_tuple *reply = &entry->tuplehash[IP_CT_DIR_REPLY].tuple;
	__u64 client[2] = {0};
	const __u64 *source = (const __u64 *)to->source;

	if (!skb->skb_iif)
		return false;
	read_address(&original->src.u3, l3num, (__u8 *)client);
	return client[0] == source[0] && client[1] == source[1] &&
	       BPF_CORE_READ(original, src.u.all) == BPF_CORE_READ(reply, dst.u.all);
}

static __always_inline void dropped(struct sk_buff *skb)
{
	struct nf_conn *entry = (struct nf_conn *)(skb->_nfct & NFCT_PTRMASK);
	struct snat_destination to = {.port = 0};
	unsigned long status;
	struct net *net;
	__u16 l3num;

	if (!entry)
		return;
	status = BPF_CORE_READ(entry, status);
	if (!(status & IPS_SRC_NAT_DONE) || status & (IPS_CONFIRMED | IPS_EXPECTED))
		return;
	net = BPF_CORE_READ(entry, ct_net.net);
	if (namespace_inode && BPF_CORE_READ(net, ns.inum) != namespace_inode)
		return;
	l3num = BPF_CORE_READ(entry, tuplehash[IP_CT_DIR_REPLY].tuple.src.l3num);
	if (!read_destination(entry, l3num, &to) || is_as_it_came(skb, entry, &to, l3num))
		return;
	if (!tally(&to))
		__sync_fetch_and_add(&shared.untracked, 1);
	if (tells_events)
		tell(entry, net, l3num, &to);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(packet_dropped, struct sk_buff *skb, void *location, enum skb_drop_reason reason)
{
	/* Its number is another one in each kernel. */
	if (reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP))
		dropped(skb);
	return 0;
}
