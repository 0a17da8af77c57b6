/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_WALK_MEMORY_H
#define EPHEMERA_BPF_WALK_MEMORY_H

/*
 * Reads the kernel's memory at an address that is a number. No read can fail the program: what is
 * not there is 0. bpf_rdonly_cast() (Linux 6.2) makes each a plain load. WALK_BY_COPY: where that
 * is missing, each is a copy.
 */

#include "collectors/bpf/kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Where a member is. Otherwise clang folds it into a load that libbpf cannot relocate. */
#define PLACE(type, member)                                         \
	({                                                          \
		__u64 place_ = bpf_core_field_offset(type, member); \
		barrier_var(place_);                                \
		place_;                                             \
	})

#ifdef WALK_BY_COPY
#define COPIED(type, at)                                                              \
	({                                                                            \
		type copied_ = 0;                                                     \
		bpf_probe_read_kernel(&copied_, sizeof(copied_), (const void *)(at)); \
		copied_;                                                              \
	})

static __always_inline __u64 load64(__u64 at)
{
	return COPIED(__u64, at);
}

static __always_inline __u32 load32(__u64 at)
{
	return COPIED(__u32, at);
}

static __always_inline __u16 load16(__u64 at)
{
	return COPIED(__u16, at);
}

static __always_inline __u8 load8(__u64 at)
{
	return COPIED(__u8, at);
}
#else
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

/*
 * Through a member that is a pointer, the verifier would give us a pointer, with which nothing can
 * be computed. So each load is through a type that begins with a number of its size.
 */
static __always_inline __u64 load64(__u64 at)
{
	struct timespec64 *words =
	    bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct timespec64));

	return (__u64)words->tv_sec;
}

static __always_inline struct in6_addr *parts(__u64 at)
{
	return bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct in6_addr));
}

static __always_inline __u32 load32(__u64 at)
{
	return parts(at)->in6_u.u6_addr32[0];
}

static __always_inline __u16 load16(__u64 at)
{
	return parts(at)->in6_u.u6_addr16[0];
}

static __always_inline __u8 load8(__u64 at)
{
	return parts(at)->in6_u.u6_addr8[0];
}
#endif

#define LOAD64(at, type, member) load64((at) + PLACE(type, member))
#define LOAD32(at, type, member) load32((at) + PLACE(type, member))
#define LOAD16(at, type, member) load16((at) + PLACE(type, member))
#define LOAD8(at, type, member) load8((at) + PLACE(type, member))

/* Whether it is a node, and not the end of a chain: 0, or odd. */
static __always_inline bool is_node(__u64 at)
{
	return at && !(at & 1);
}

/* A bit field, wherever this kernel has it. */
#define LOAD_BITS(at, type, member)                                      \
	({                                                               \
		type *of_ = (type *)(at);                                \
		const __u32 size_ = __CORE_RELO(of_, member, BYTE_SIZE); \
		__u64 place_ = __CORE_RELO(of_, member, BYTE_OFFSET);    \
		__u64 bits_;                                             \
		barrier_var(place_);                                     \
		bits_ = size_ == 1   ? load8((at) + place_)              \
			: size_ == 2 ? load16((at) + place_)             \
			: size_ == 4 ? load32((at) + place_)             \
				     : load64((at) + place_);            \
		bits_ <<= __CORE_RELO(of_, member, LSHIFT_U64);          \
		bits_ >> __CORE_RELO(of_, member, RSHIFT_U64);           \
	})

#endif
