/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_AUTH_TURNS_H
#define EPHEMERA_AUTH_TURNS_H

/*
 * Whose password is checked next: a peer that was granted before, then one that was never denied,
 * then the one that was denied the longest ago. So each attacking address delays a new client by
 * one check at most. An IPv6 peer that is new counts as denied if its /48 was. Not for several
 * threads at once.
 */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/access/peer.h"

/* As many of each are remembered; a new one replaces the oldest. */
#define AUTH_TURNS_DENIED 4096
#define AUTH_TURNS_GRANTED 256

/* Turns, of which the lower goes first. Those of peers that were denied are higher than these. */
#define AUTH_TURN_GRANTED 0UL
#define AUTH_TURN_NEW 1UL

struct auth_turns;

struct auth_turns *auth_turns_new(void);	/* NULL: out of memory */
void auth_turns_free(struct auth_turns *turns); /* NULL is fine */

unsigned long auth_turns_of(const struct auth_turns *turns, const struct peer *peer);

/* Notes how a check of the peer's ended. Returns the peer's turn from now on. */
unsigned long auth_turns_note(struct auth_turns *turns, const struct peer *peer, bool granted);

#endif
