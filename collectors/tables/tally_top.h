/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TALLY_TOP_H
#define EPHEMERA_TALLY_TOP_H

/*
 * Which keys of a tally (collectors/bpf/exhaustion.h) are shown one by one, and what all the
 * others have together, so that both are counters: neither ever falls, whoever comes and goes.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/exhaustion.h"

struct tally_shown {
	struct tally_key key;
	uint64_t count; /* what it had while it was not shown is among the others' */
};

struct tally_top;

/*
 * Of a tally of length places, the limit with the highest counts; places outlives it. NULL:
 * out of memory.
 */
struct tally_top *tally_top_new(const struct tally_place *places, size_t length, size_t limit);
void tally_top_free(struct tally_top *top); /* NULL is fine */

/*
 * Looks at the tally once more. Returns how many are shown, the highest count first; they stay
 * until the next look. ret_others: of all others, those aside that never had a place.
 */
size_t tally_top_look(
    struct tally_top *top, const struct tally_shown **ret_shown, uint64_t *ret_others);

#endif
