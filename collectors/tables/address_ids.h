/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADDRESS_IDS_H
#define EPHEMERA_ADDRESS_IDS_H

/*
 * Numbers for addresses, for tables that are keyed by a number. An IPv4 address has its own and
 * takes no memory; an IPv6 address takes some 24 to 72 bytes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/kernel/socket.h"

#define ADDRESS_IDS_MAX 131072u /* of IPv6; as many as destination_owners.h tells apart */

struct address_ids;

/* NULL: out of memory. */
struct address_ids *address_ids_new(void);
void address_ids_clear(struct address_ids *ids);
void address_ids_free(struct address_ids *ids); /* NULL is fine */

/*
 * Writes the address' number, the same for the same address, and not 0; 0 for a further IPv6
 * address if there are ADDRESS_IDS_MAX. Returns 0 or -ENOMEM.
 */
int address_ids_add(struct address_ids *ids, enum socket_family family,
    const struct socket_address *address, uint64_t *ret_id);

/* The address of that number. Returns whether it has one. */
bool address_ids_find(
    const struct address_ids *ids, uint64_t id, struct socket_address *ret_address);

#endif
