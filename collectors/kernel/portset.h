/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PORTSET_H
#define EPHEMERA_PORTSET_H

/* A set of ports: one bit for each of the 65,536. Zero-initialised, it is empty. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORTS 65536u

struct portset {
	uint64_t words[PORTS / 64];
};

/* first to last, both included, as in ip_local_port_range. */
struct port_range {
	uint16_t first;
	uint16_t last;
};

static inline void portset_add(struct portset *set, uint16_t port)
{
	set->words[port / 64] |= UINT64_C(1) << (port % 64);
}

static inline bool portset_has(const struct portset *set, uint16_t port)
{
	return set->words[port / 64] >> (port % 64) & 1;
}

static inline bool port_range_has(struct port_range range, uint16_t port)
{
	return port >= range.first && port <= range.last;
}

static inline unsigned port_range_size(struct port_range range)
{
	return range.last - range.first + 1u;
}

void portset_add_range(struct portset *set, struct port_range range);
void portset_remove(struct portset *set, const struct portset *other); /* set − other */
void portset_unite(struct portset *set, const struct portset *other);  /* set ∪ other */
void portset_keep(struct portset *set, const struct portset *other);   /* set ∩ other */
unsigned portset_count(const struct portset *set);
unsigned portset_count_range(const struct portset *set, struct port_range range);

/*
 * Iterates over the runs of ports that are in the set, lowest first: *position starts at 0.
 * Returns false at the end.
 */
bool portset_next_range(
    const struct portset *set, unsigned *position, struct port_range *ret_range);

/*
 * Reads "first<blank>last", the form of ip_local_port_range. text need not end in NUL.
 * Returns 0; or -EBADMSG if it is not two numbers from 1 to 65535 in order. 1 is the kernel's lower
 * bound too (ip_local_port_range_min).
 */
int port_range_parse(const char *text, size_t length, struct port_range *ret_range);

/*
 * Reads "8080,9148-9150", the form of ip_local_reserved_ports; blank text is the empty
 * set. Returns 0 or -EBADMSG.
 */
int portset_parse(const char *text, size_t length, struct portset *ret_set);

#endif
