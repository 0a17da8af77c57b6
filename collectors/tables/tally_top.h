/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TALLY_TOP_H
#define EPHEMERA_TALLY_TOP_H

/*
 * Chooses which keys of a tally (collectors/bpf/exhaustion.h) are shown, and sums up all the
 * others. Both are counters: neither ever falls when keys come and go.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/exhaustion.h"

struct tally_shown {
	struct tally_key key;
	uint64_t count; /* counts from before it was shown are among the others' */
};

struct tally_top;

/*
 * For a tally of length places, which must outlive it. Shows the limit keys with the highest
 * counts. NULL: out of memory.
 */
struct tally_top *tally_top_new(const struct tally_place *places, size_t length, size_t limit);
void tally_top_free(struct tally_top *top); /* NULL is fine */

/*
 * Reads the tally again. Returns the number of shown keys, the highest count first; ret_shown is
 * valid until the next call. ret_others: the sum of all others, without those that never had a
 * place.
 */
size_t tally_top_look(
    struct tally_top *top, const struct tally_shown **ret_shown, uint64_t *ret_others);

#endif
