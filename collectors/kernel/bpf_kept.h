/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_KEPT_H
#define EPHEMERA_BPF_KEPT_H

/*
 * What stays of BPF programs after they were loaded: memory that they share with us, and the
 * descriptors that keep them running. The rest, such as the descriptors of their maps, goes with
 * libbpf's object: an attacker who takes over the process finds nothing to write to.
 */

#include <stddef.h>

struct bpf_map;

/* A map in our memory. Zero-initialised: none. */
struct bpf_memory {
	void *at;
	size_t size;
};

/*
 * Maps a map with PROT_READ, or PROT_READ | PROT_WRITE. The kernel does not let the protection be
 * raised later. It stays after the map's descriptor was closed. Returns 0 or -errno.
 */
int bpf_kept_map(const struct bpf_map *map, int protection, struct bpf_memory *ret_memory);
void bpf_kept_unmap(struct bpf_memory *memory);

/* A copy of a descriptor, which the caller closes; or -errno, also if fd is negative. */
int bpf_kept_copy(int fd);

#endif
