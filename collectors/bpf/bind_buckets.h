/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_BIND_BUCKETS_H
#define EPHEMERA_BPF_BIND_BUCKETS_H

/* What bind_buckets.bpf.c finds in a walk, for collectors/kernel/bind_buckets.c. */

#include <linux/types.h>

#define BUCKETS_PORTS 65536

/*
 * A Bloom filter of the TIME_WAIT whose connections had no timestamps. It finds each of them; with
 * 28,000 in it, it also finds 3 of 28,000 others. Those count as without timestamps: the numbers
 * then promise too little, never too much.
 */
#define STAMPS_BITS (1u << 20)
#define STAMPS_BITS_EACH 4

struct buckets_found {
	__u64 bound[BUCKETS_PORTS / 64];   /* a bit for each port, as struct portset */
	__u64 unstamped[STAMPS_BITS / 64]; /* the filter */
	__u64 seed; /* from user space: peers choose addresses, and must not choose collisions */
	__u32 first_port; /* from user space: ip_local_port_range */
	__u32 last_port;
	__u32 own_range_sockets;   /* sockets whose port came from a range of their own */
	__u32 narrowest_own_range; /* ports of the smallest of these ranges; 0: none */
};

/* A connection; an IPv4 address is the first word, and one mapped into IPv6 is IPv4. */
struct stamps_key {
	__u32 local[4]; /* in network byte order */
	__u32 remote[4];
	__u32 ports; /* local << 16 | remote, both in the host's order */
};

static inline __u64 stamps_hash(__u64 seed, const struct stamps_key *key)
{
	__u64 hash = seed;

	for (int i = 0; i < 4; i++) {
		hash = (hash ^ key->local[i]) * 0x9E3779B97F4A7C15ull;
		hash ^= hash >> 32;
		hash = (hash ^ key->remote[i]) * 0x9E3779B97F4A7C15ull;
		hash ^= hash >> 32;
	}
	hash = (hash ^ key->ports) * 0x9E3779B97F4A7C15ull;
	return hash ^ hash >> 32;
}

/* The bit that stands for the hash; i is below STAMPS_BITS_EACH. */
static inline __u32 stamps_bit(__u64 hash, __u32 i)
{
	return ((__u32)hash + i * ((__u32)(hash >> 32) | 1)) & (STAMPS_BITS - 1);
}

#endif
