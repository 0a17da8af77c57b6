// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/address_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "unit.h"

#define KEYS 211u
#define ADDITIONS 30011u

static struct address_table *table;

static int set_up(void **state)
{
	(void)state;
	random_seed(47);
	return address_table_new(1000, &table);
}

static int tear_down(void **state)
{
	(void)state;
	address_table_free(table);
	return 0;
}

/* What the table must hold: a plain list, searched from its beginning. */
static struct reference {
	struct address_entry entry;
} references[KEYS];
static size_t references_length;

static struct reference *find_reference(const struct socket *socket, bool make)
{
	const bool link_local = socket_address_is_link_local(&socket->local, socket->family);
	const uint32_t interface = link_local ? socket->interface : 0;

	for (size_t i = 0; i < references_length; i++) {
		struct address_entry *entry = &references[i].entry;

		if (entry->family == socket->family && entry->interface == interface &&
		    memcmp(&entry->address, &socket->local, sizeof(socket->local)) == 0)
			return &references[i];
	}
	if (!make)
		return NULL;
	assert_true(references_length < KEYS);
	references[references_length].entry = (struct address_entry){
	    .family = socket->family, .interface = interface, .address = socket->local};
	return &references[references_length++];
}

static struct socket random_socket(void)
{
	struct socket socket = {.protocol = random_number() % SOCKET_PROTOCOLS,
	    .family = random_number() % SOCKET_FAMILIES,
	    .interface = random_number() % 3,
	    .local_port = (uint16_t)(random_number() % 7 * 9362)};

	socket.local.bytes[3] = (uint8_t)(random_number() % 23);
	if (socket.family == SOCKET_IPV6 && random_number() % 2) {
		socket.local.bytes[0] = 0xfe;
		socket.local.bytes[1] = 0x80;
	}
	return socket;
}

static void holds_what_a_plain_list_does(void **state)
{
	size_t length;

	(void)state;
	memset(references, 0, sizeof(references));
	references_length = 0;
	for (size_t i = 0; i < ADDITIONS; i++) {
		const struct socket socket = random_socket();
		const struct reference *known = find_reference(&socket, false);

		assert_int_equal(address_table_has(table, &socket),
		    known && portset_has(&known->entry.ports, socket.local_port));
		if (random_number() % 7)
			continue;
		assert_result(address_table_add(table, &socket), 0);
		portset_add(&find_reference(&socket, true)->entry.ports, socket.local_port);
	}
	length = address_table_length(table);
	assert_true(length > 100);
	assert_int_equal(length, references_length);
	for (size_t i = 0; i < length; i++) {
		const struct address_entry *entry = address_table_at(table, i);
		struct socket socket = {.family = entry->family,
		    .interface = entry->interface,
		    .local = entry->address};
		const struct reference *reference = find_reference(&socket, false);

		assert_non_null(reference);
		assert_memory_equal(&entry->ports, &reference->entry.ports, sizeof(entry->ports));
		/* In order, and each once. */
		if (i)
			assert_true(
			    address_entry_compare(address_table_at(table, i - 1), entry) < 0);
	}
}

static void the_protocol_and_the_peer_are_no_part_of_a_key(void **state)
{
	struct socket socket =
	    make_socket(SOCKET_ESTABLISHED, "192.0.2.1", 40000, "192.0.2.2", 443);

	(void)state;
	assert_result(address_table_add(table, &socket), 0);
	socket.remote_port = 444;
	socket.protocol = SOCKET_UDP;
	socket.interface = 7;
	assert_true(address_table_has(table, &socket));
	assert_result(address_table_add(table, &socket), 0);
	assert_int_equal(address_table_length(table), 1);
	socket.local_port++;
	assert_false(address_table_has(table, &socket));
}

static void at_its_limit_only_known_ones_are_taken(void **state)
{
	struct address_table *small;
	struct socket socket = make_socket(SOCKET_CLOSE, "192.0.2.0", 40000, "0.0.0.0", 0);

	(void)state;
	assert_result(address_table_new(13, &small), 0);
	for (unsigned i = 0; i < 29; i++) {
		socket.local.bytes[3] = (uint8_t)i;
		assert_result(address_table_add(small, &socket), i < 13 ? 0 : -ENOBUFS);
		assert_int_equal(address_table_has(small, &socket), i < 13);
	}
	socket.local.bytes[3] = 7;
	socket.local_port = 40001;
	assert_result(address_table_add(small, &socket), 0);
	assert_true(address_table_has(small, &socket));
	assert_int_equal(address_table_length(small), 13);
	/* A clear makes room. */
	address_table_clear(small);
	assert_int_equal(address_table_length(small), 0);
	assert_false(address_table_has(small, &socket));
	socket.local.bytes[3] = 99;
	assert_result(address_table_add(small, &socket), 0);
	assert_int_equal(address_table_length(small), 1);
	address_table_free(small);
	address_table_free(NULL);
}

static void a_link_local_address_is_another_on_another_interface(void **state)
{
	struct socket socket = make_socket(SOCKET_CLOSE, "fe80::1", 40000, "::", 0);

	(void)state;
	socket.interface = 2;
	assert_result(address_table_add(table, &socket), 0);
	socket.interface = 3;
	assert_false(address_table_has(table, &socket));
	assert_result(address_table_add(table, &socket), 0);
	assert_int_equal(address_table_length(table), 2);
	assert_int_equal(address_table_at(table, 0)->interface, 2);
	assert_int_equal(address_table_at(table, 1)->interface, 3);
}

static void counts_with_others(void **state)
{
	struct socket socket = make_socket(SOCKET_CLOSE, "192.0.2.1", 40000, "0.0.0.0", 0);
	struct portset others = {{0}};

	(void)state;
	for (uint16_t port = 40000; port < 40011; port++) {
		socket.local_port = port;
		assert_result(address_table_add(table, &socket), 0);
	}
	assert_int_equal(address_entry_count(address_table_at(table, 0), &others), 11);
	portset_add_range(&others, (struct port_range){40007, 40023});
	assert_int_equal(address_entry_count(address_table_at(table, 0), &others), 24);
	/* The entry itself is left as it was. */
	assert_int_equal(portset_count(&address_table_at(table, 0)->ports), 11);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(holds_what_a_plain_list_does),
	    TEST(the_protocol_and_the_peer_are_no_part_of_a_key),
	    TEST(at_its_limit_only_known_ones_are_taken),
	    TEST(a_link_local_address_is_another_on_another_interface),
	    TEST(counts_with_others),
	};

	return cmocka_run_group_tests_name("address_table", tests, NULL, NULL);
}
