/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_LEASE_EVENTS_BPF_H
#define EPHEMERA_BPF_LEASE_EVENTS_BPF_H

/* Who holds which port, from connect() on, and a record of it at the end. */

#include "collectors/bpf/cgroup.bpf.h"
#include "collectors/bpf/lease_events.h"

/* Entries of the map of leases: the power of two, and the number less one. Set before loading. */
const volatile __u32 followed_order;
const volatile __u32 followed_mask;

struct lease_losses losses;

/* The number is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct followed);
} followed SEC(".maps");

/* The size is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} lease_records SEC(".maps");

/* The cgroups that the reader was told of: a full bucket forgets one, which is told again. */
#define CGROUPS_PLACES 512 /* a power of two */
#define CGROUPS_BESIDE 8   /* a power of two */

struct cgroups_beside {
	__u64 ids[CGROUPS_BESIDE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CGROUPS_PLACES);
	__type(key, __u32);
	__type(value, struct cgroups_beside);
} cgroups_told SEC(".maps");

static __always_inline void count(__u64 *losses_of_a_kind)
{
	__sync_fetch_and_add(losses_of_a_kind, 1);
}

/*
 * A cgroup may be gone at the end of its connection, and its name with it. So the reader is woken
 * to look it up while the process that connects is in it.
 */
static __always_inline void tell_cgroup(__u64 cgroup_id)
{
	const __u32 at = cgroup_id & (CGROUPS_PLACES - 1);
	struct cgroups_beside *beside = bpf_map_lookup_elem(&cgroups_told, &at);
	__u32 place = (cgroup_id / CGROUPS_PLACES) & (CGROUPS_BESIDE - 1);
	struct lease_cgroup *record;

	if (!beside)
		return;
#pragma unroll
	for (__u32 i = 0; i < CGROUPS_BESIDE; i++) {
		if (beside->ids[i] == cgroup_id)
			return;
		if (beside->ids[i] == 0)
			place = i;
	}
	record = bpf_ringbuf_reserve(&lease_records, sizeof(*record), 0);
	/* The next connection tells it. */
	if (!record)
		return;
	record->kind = LEASE_CGROUP;
	record->unused = 0;
	record->cgroup_id = cgroup_id;
	beside->ids[place & (CGROUPS_BESIDE - 1)] = cgroup_id;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* Spreads as leases_beside() in leases.bpf.h does, for the same reason. */
static __always_inline struct followed *followed_beside(__u64 cookie)
{
	const __u32 at = (cookie + (cookie >> followed_order)) & followed_mask;

	return bpf_map_lookup_elem(&followed, &at);
}

/* The index of the socket's lease; FOLLOWED_BESIDE: there is none. */
static __always_inline __u32 find_followed(const struct followed *beside, __u64 cookie)
{
#pragma unroll
	for (__u32 i = 0; i < FOLLOWED_BESIDE; i++)
		if (beside->leases[i].cookie == cookie)
			return i;
	return FOLLOWED_BESIDE;
}

/*
 * A free place, the socket's own from an earlier attempt, or else the oldest: its end may have been
 * missed, and nothing else would ever clear it.
 */
static __always_inline __u32 find_room(const struct followed *beside, __u64 cookie)
{
	__u32 found = 0;

#pragma unroll
	for (__u32 i = 0; i < FOLLOWED_BESIDE; i++) {
		if (beside->leases[i].cookie == 0 || beside->leases[i].cookie == cookie)
			return i;
		if (beside->leases[i].start < beside->leases[found].start)
			found = i;
	}
	return found;
}

/* Two processors may find the same room: a lease must not get the opener of another one. */
static __always_inline bool claim(struct followed_lease *place, __u64 cookie)
{
	const __u64 before = place->cookie;

	if (before == FOLLOWED_CLAIMED)
		return false;
	if (__sync_val_compare_and_swap(&place->cookie, before, FOLLOWED_CLAIMED) != before)
		return false;
	if (before && before != cookie)
		count(&losses.untracked);
	return true;
}

/* Call it in the task that connects. */
static __always_inline void follow(struct sock *sk, __u64 cookie)
{
	struct followed *beside = followed_beside(cookie);
	struct followed_lease *place;
	__u32 at;

	if (!beside)
		return;
	at = find_room(beside, cookie);
	if (at >= FOLLOWED_BESIDE)
		return;
	place = &beside->leases[at];
	if (!claim(place, cookie)) {
		count(&losses.untracked);
		return;
	}
	place->cgroup_id = cgroup_of(sk);
	place->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(place->comm, sizeof(place->comm));
	place->start = bpf_ktime_get_ns();
	if (place->cgroup_id)
		tell_cgroup(place->cgroup_id);
	/* An exchange orders memory: all of it is there before its cookie. */
	__sync_lock_test_and_set(&place->cookie, cookie);
}

static __always_inline void tell_end(
    struct sock *sk, int oldstate, const struct followed_lease *lease)
{
	struct lease_event *event = bpf_ringbuf_reserve(&lease_records, sizeof(*event), 0);
	__u32 words[4];

	if (!event) {
		count(&losses.lost);
		return;
	}
	event->kind = LEASE_ENDED;
	event->interface = sk->__sk_common.skc_bound_dev_if;
	event->cgroup_id = lease->cgroup_id;
	event->from_ns = lease->start;
	event->until_ns = bpf_ktime_get_ns();
	(void)read_address(
	    sk, &sk->__sk_common.skc_v6_rcv_saddr, sk->__sk_common.skc_rcv_saddr, words);
	__builtin_memcpy(event->local, words, sizeof(event->local));
	event->family =
	    read_address(sk, &sk->__sk_common.skc_v6_daddr, sk->__sk_common.skc_daddr, words);
	__builtin_memcpy(event->remote, words, sizeof(event->remote));
	event->local_port = local_port(sk);
	event->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	event->state = oldstate;
	/* tcp_connect_init() has cleared that of an earlier connection. */
	event->error = sk->sk_err;
	event->pid = lease->pid;
	__builtin_memcpy(event->comm, lease->comm, sizeof(event->comm));
	/*
	 * The reader looks by itself: waking it would cost more than all else here, and asking how
	 * full the buffer is a quarter as much.
	 */
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* has_port: false if connect() found none; the port in the socket is then an earlier one. */
static __always_inline void end_lease(struct sock *sk, int oldstate, bool has_port)
{
	/* Inbound connections usually have none, and leave here. */
	const __u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct followed_lease lease;
	struct followed *beside;
	__u32 at;

	if (!cookie)
		return;
	beside = followed_beside(cookie);
	at = beside ? find_followed(beside, cookie) : FOLLOWED_BESIDE;
	if (!beside || at >= FOLLOWED_BESIDE)
		return;
	lease = beside->leases[at];
	/* If another lease has the place now, what was read may be of either; it was counted. */
	if (__sync_val_compare_and_swap(&beside->leases[at].cookie, cookie, 0) != cookie)
		return;
	if (has_port)
		tell_end(sk, oldstate, &lease);
}

#endif
