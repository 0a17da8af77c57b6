/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_PORTS_H
#define EPHEMERA_OWNER_PORTS_H

/* Which ports each cgroup has: 16 bytes for each pair, at most twice that, and 48 while it grows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWNER_PORTS_MAX (1u << 20) /* pairs */

struct owner_port {
	uint64_t cgroup_id;
	uint16_t port;
};

struct owner_ports;

/* NULL: out of memory. */
struct owner_ports *owner_ports_new(void);
void owner_ports_free(struct owner_ports *ports); /* NULL is fine */
/* Forgets all and frees the memory. */
void owner_ports_clear(struct owner_ports *ports);

/*
 * Adds a pair; cgroup_id is not 0. Returns 0, -ENOMEM, or -E2BIG if there are OWNER_PORTS_MAX
 * others.
 */
int owner_ports_add(struct owner_ports *ports, uint64_t cgroup_id, uint16_t port);

size_t owner_ports_length(const struct owner_ports *ports);

/* Iterates, in no order: *position starts at 0. Returns false at the end. */
bool owner_ports_next(
    const struct owner_ports *ports, size_t *position, struct owner_port *ret_pair);

#endif
