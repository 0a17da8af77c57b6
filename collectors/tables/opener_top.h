/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPENER_TOP_H
#define EPHEMERA_OPENER_TOP_H

/*
 * Chooses which pairs of a destination and a cgroup are shown: those that have opened the most
 * connections of late. An open counts half after five minutes.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/openers.h"

/* What one of them did since the look before. */
struct opener_grown {
	struct opener_key key;
	struct lease_counts counts;
};

struct opener_top;

/*
 * For OPENERS_BUCKETS buckets, which must outlive it. limit: how many are shown. NULL: out of
 * memory.
 */
struct opener_top *opener_top_new(const struct openers *openers, size_t limit);
void opener_top_free(struct opener_top *top); /* NULL is fine */

/*
 * Reads the buckets again. seconds: of any clock that only goes forward. Returns how many are in
 * the top, those with the most first; ret_grown is valid until the next call.
 */
size_t opener_top_look(
    struct opener_top *top, double seconds, const struct opener_grown **ret_grown);

#endif
