/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAILED_TALLY_H
#define EPHEMERA_FAILED_TALLY_H

/*
 * The failures of another network namespace by destination, or by cgroup. In the kernel a key may
 * lose its place to another (collectors/bpf/failed.h), and has a new one later. Here it has one
 * counter for as long as the namespace lives, which never falls.
 */

#include <stddef.h>
#include <stdint.h>

#include "collectors/bpf/failed.h"
#include "collectors/tables/tally_top.h"

#define FAILED_TALLY_KEYS 64 /* of one namespace; later ones are not told apart */

struct failed_tally;

/* id: as struct walk_namespace. limit: how many keys are shown. NULL: out of memory. */
struct failed_tally *failed_tally_new(uint32_t id, size_t limit);
void failed_tally_free(struct failed_tally *tally); /* NULL is fine */

/*
 * Adds what the namespace's keys have grown by in the places of its bucket, at most
 * FAILED_DESTINATIONS of them, which must be the same each time.
 */
void failed_tally_read(struct failed_tally *tally, const struct failed *list, size_t length);

/*
 * What is shown, as of the last read; the tally owns it. ret_untracked: how many of `all` failures,
 * which were read before the places, have no counter. This never falls, either.
 */
struct tally_top *failed_tally_top(
    struct failed_tally *tally, uint64_t all, uint64_t *ret_untracked);

#endif
