// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/address_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct address_table {
	size_t limit;
	size_t length;
	size_t capacity;
	struct address_entry **entries; /* in order, for the search */
	struct address_entry *last;	/* most sockets share an address with the one before */
};

int address_table_new(size_t limit, struct address_table **ret_table)
{
	struct address_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->limit = limit;
	*ret_table = table;
	return 0;
}

void address_table_clear(struct address_table *table)
{
	for (size_t i = 0; i < table->length; i++)
		free(table->entries[i]);
	free(table->entries);
	table->entries = NULL;
	table->last = NULL;
	table->length = table->capacity = 0;
}

void address_table_free(struct address_table *table)
{
	if (!table)
		return;
	address_table_clear(table);
	free(table);
}

static int compare_key(const struct address_entry *entry, enum socket_family family,
    uint32_t interface, const struct socket_address *address)
{
	if (entry->family != family)
		return entry->family < family ? -1 : 1;

	const int order = memcmp(&entry->address, address, sizeof(*address));

	if (order)
		return order;
	if (entry->interface != interface)
		return entry->interface < interface ? -1 : 1;
	return 0;
}

int address_entry_compare(const struct address_entry *a, const struct address_entry *b)
{
	return compare_key(a, b->family, b->interface, &b->address);
}

/* The place of the first entry that is not before the key. */
static size_t search(const struct address_table *table, enum socket_family family,
    uint32_t interface, const struct socket_address *address)
{
	size_t low = 0;
	size_t high = table->length;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (compare_key(table->entries[middle], family, interface, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(
    struct address_table *table, size_t place, const struct socket *socket, uint32_t interface)
{
	if (table->length == table->limit)
		return -ENOBUFS;
	if (table->length == table->capacity) {
		const size_t capacity = table->capacity ? table->capacity * 2 : 8;
		struct address_entry **larger =
		    reallocarray(table->entries, capacity, sizeof(struct address_entry *));

		if (!larger)
			return -ENOMEM;
		table->entries = larger;
		table->capacity = capacity;
	}

	struct address_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->family = socket->family;
	entry->interface = interface;
	entry->address = socket->local;
	memmove(&table->entries[place + 1], &table->entries[place],
	    (table->length - place) * sizeof(struct address_entry *));
	table->entries[place] = entry;
	table->length++;
	return 0;
}

static uint32_t interface_of(const struct socket *socket)
{
	return socket_address_is_link_local(&socket->local, socket->family) ? socket->interface : 0;
}

int address_table_add(struct address_table *table, const struct socket *socket)
{
	const uint32_t interface = interface_of(socket);

	if (!table->last ||
	    compare_key(table->last, socket->family, interface, &socket->local) != 0) {
		const size_t place = search(table, socket->family, interface, &socket->local);

		if (place == table->length || compare_key(table->entries[place], socket->family,
						  interface, &socket->local) != 0) {
			const int result = insert(table, place, socket, interface);

			if (result < 0)
				return result;
		}
		table->last = table->entries[place];
	}
	portset_add(&table->last->ports, socket->local_port);
	return 0;
}

bool address_table_has(const struct address_table *table, const struct socket *socket)
{
	const uint32_t interface = interface_of(socket);
	const size_t place = search(table, socket->family, interface, &socket->local);

	return place < table->length &&
	       compare_key(table->entries[place], socket->family, interface, &socket->local) == 0 &&
	       portset_has(&table->entries[place]->ports, socket->local_port);
}

size_t address_table_length(const struct address_table *table)
{
	return table->length;
}

const struct address_entry *address_table_at(const struct address_table *table, size_t index)
{
	return table->entries[index];
}

unsigned address_entry_count(const struct address_entry *entry, const struct portset *others)
{
	struct portset all = entry->ports;

	portset_unite(&all, others);
	return portset_count(&all);
}
