/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_AUTH_MEMORY_H
#define EPHEMERA_AUTH_MEMORY_H

/* A bounded number of digests. A new one replaces the one that was not asked for the longest. */

#include <stdbool.h>
#include <stddef.h>

#include "exporter/access/digest.h"

struct auth_memory;

struct auth_memory *auth_memory_new(size_t size);  /* NULL: out of memory */
void auth_memory_free(struct auth_memory *memory); /* NULL is fine */

/* Whether the digest is there; if so, notes that it was asked for. */
bool auth_memory_has(struct auth_memory *memory, const struct digest *digest);

void auth_memory_add(struct auth_memory *memory, const struct digest *digest);

#endif
