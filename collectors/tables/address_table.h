/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADDRESS_TABLE_H
#define EPHEMERA_ADDRESS_TABLE_H

/* Sets of ports, one for each local address that sockets have: 8 KiB each. */

#include <stdbool.h>
#include <stddef.h>

#include "collectors/kernel/portset.h"
#include "collectors/kernel/socket.h"

struct address_entry {
	enum socket_family family;
	uint32_t interface; /* of a link-local address, else 0 */
	struct socket_address address;
	struct portset ports;
};

struct address_table;

/* limit: how many addresses it may hold. Returns 0 or -ENOMEM. */
int address_table_new(size_t limit, struct address_table **ret_table);
/* Forgets all addresses and frees their memory. */
void address_table_clear(struct address_table *table);
void address_table_free(struct address_table *table); /* NULL is fine */

/*
 * Adds the socket's local port to its local address. Returns 0, -ENOMEM, or -ENOBUFS if the address
 * is new and the table is at its limit.
 */
int address_table_add(struct address_table *table, const struct socket *socket);

/* Whether the socket's local port is in the set of its local address. */
bool address_table_has(const struct address_table *table, const struct socket *socket);

size_t address_table_length(const struct address_table *table);
/* index: below the length. Valid until the table is changed. */
const struct address_entry *address_table_at(const struct address_table *table, size_t index);

/* A total order: by family, address and interface. */
int address_entry_compare(const struct address_entry *a, const struct address_entry *b);

/* The number of ports in entry's set or in others. */
unsigned address_entry_count(const struct address_entry *entry, const struct portset *others);

#endif
