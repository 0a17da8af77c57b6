/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HEALTHCHECK_H
#define EPHEMERA_HEALTHCHECK_H

/*
 * `ephemera healthcheck`, for images that have no shell and no curl: asks a daemon whether it
 * answers, at each address that it listens on, over TLS where it wants that. No certificate is
 * verified, and no password sent: being refused is an answer, too. Where the host has no ephemeral
 * port left it asks from one outside of their range, so that this is not taken for a dead daemon.
 */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/daemon/listen.h"

/*
 * ready: asks whether a scrape would work, too; that a password is wanted for it, is an answer
 * again. Prints a line an address, to standard output where it answers and else to standard error.
 * Returns 0 where all do, or -errno of the last one that does not.
 */
int healthcheck(const struct listen_address *addresses, size_t length, bool ready);

#endif
