/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_STARTS_H
#define EPHEMERA_LEASE_STARTS_H

/*
 * When connections began, if a BPF program saw it (collectors/bpf/leases.bpf.h). A socket's cookie
 * is never given to another one, and each connect() of a socket replaces or clears its start.
 */

#include <stdbool.h>
#include <stdint.h>

struct leases;

/* Zero-initialised: none is known. */
struct lease_starts {
	const struct leases *table; /* 1 << order of them; the kernel writes there meanwhile */
	uint32_t order;
	int64_t ahead_ns; /* our CLOCK_MONOTONIC less the kernel's */
};

/* How far the clocks of our time namespace are ahead; 0 if that is not known. */
int64_t lease_starts_ahead(const char *procfs);

/* The kernel's CLOCK_MONOTONIC. */
uint64_t lease_starts_now(const struct lease_starts *starts);

/*
 * Whether it is known when the connection of the socket with that cookie began, by that clock.
 * cookie: 0 is none.
 */
bool lease_starts_find(const struct lease_starts *starts, uint64_t cookie, uint64_t *ret_start_ns);

#endif
