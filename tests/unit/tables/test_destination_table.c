// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "destination_order.h"
#include "unit.h"

#define KEYS 10000u
#define COUNTS 60013u

static struct destination_table *table;

static int set_up(void **state)
{
	(void)state;
	random_seed(41);
	return destination_table_new(1000000, true, &table);
}

static int tear_down(void **state)
{
	(void)state;
	destination_table_free(table);
	table = NULL;
	return 0;
}

/* Keys that differ in few bits as well as in many: neighbours are what a hash gets wrong. */
static struct socket random_socket(enum socket_family family)
{
	const size_t size = family == SOCKET_IPV4 ? 4 : 16;
	struct socket socket = {.protocol = SOCKET_TCP, .family = family};

	for (size_t i = 0; i < size; i++)
		socket.remote.bytes[i] = (uint8_t)random_number();
	socket.local.bytes[0] = 10;
	socket.local.bytes[size - 1] = (uint8_t)(random_number() % 3);
	if (random_number() % 2)
		memset(socket.remote.bytes, 0, size - 1);
	socket.remote_port = (uint16_t)(random_number() % 7 << 8 | random_number() % 7);
	if (family == SOCKET_IPV6 && random_number() % 4 == 0) {
		socket.remote.bytes[0] = 0xfe;
		socket.remote.bytes[1] = 0x80;
	}
	if (random_number() % 4 == 0)
		socket.interface = random_number() % 3;
	return socket;
}

struct reference {
	struct destination destination;
	unsigned long counts[PORT_USES];
};

/* Sorts, and adds up those of the same key: what the table must have done. */
static size_t fold(struct reference *references, size_t length)
{
	size_t folded = 0;

	qsort(references, length, sizeof(*references), order_key);
	for (size_t i = 0; i < length; i++) {
		if (folded &&
		    !order_key(&references[folded - 1].destination, &references[i].destination)) {
			for (int use = 0; use < PORT_USES; use++)
				references[folded - 1].counts[use] += references[i].counts[use];
			continue;
		}
		references[folded++] = references[i];
	}
	return folded;
}

static size_t take_all(enum socket_family family, struct destination *found, size_t room)
{
	size_t position = 0;
	size_t length = 0;

	while (length < room && destination_table_next(table, family, &position, &found[length])) {
		assert_int_equal(found[length].family, family);
		length++;
	}
	return length;
}

static void counts_as_a_simple_reference_does(void **state)
{
	struct reference *references = calloc(2 * COUNTS, sizeof(*references));
	struct destination *found = calloc(COUNTS, sizeof(*found));
	struct socket *keys = calloc(KEYS, sizeof(*keys));

	(void)state;
	assert_true(references && found && keys);
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct reference *mine = references + family * COUNTS;

		for (size_t i = 0; i < KEYS; i++)
			keys[i] = random_socket(family);
		for (size_t i = 0; i < COUNTS; i++) {
			const struct socket *socket = &keys[i < KEYS ? i : random_number() % KEYS];
			const enum port_use use = random_number() % PORT_USES;
			assert_result(destination_table_add(table, socket, use), 0);
			mine[i].destination = (struct destination){.family = family,
			    .port = socket->remote_port,
			    .interface = socket->interface,
			    .source = socket->local,
			    .address = socket->remote};
			mine[i].counts[use] = 1;
		}
	}
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct reference *mine = references + family * COUNTS;
		const size_t wanted = fold(mine, COUNTS);
		const size_t length = take_all(family, found, COUNTS);

		assert_true(wanted > KEYS / 2);
		assert_int_equal(length, wanted);
		qsort(found, length, sizeof(*found), order_key);
		for (size_t i = 0; i < length; i++) {
			assert_int_equal(order_key(&found[i], &mine[i].destination), 0);
			for (int use = 0; use < PORT_USES; use++)
				assert_int_equal(found[i].ports[use], mine[i].counts[use]);
		}
	}
	free(keys);
	free(found);
	free(references);
}

static void every_part_of_a_key_matters(void **state)
{
	struct destination found[8];

	(void)state;
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		const size_t last = family == SOCKET_IPV4 ? 3 : 15;
		struct socket socket = {.family = family, .remote_port = 443};

		socket.remote.bytes[0] = 0x20;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.remote_port = 444;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.remote.bytes[last] = 1;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.local.bytes[last] = 1;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.interface = 7;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.interface = 0x01000007;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		assert_int_equal(take_all(family, found, 8), 6);
		/* What is no part of it. */
		socket.local_port = 41000;
		socket.state = SOCKET_TIME_WAIT;
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		assert_int_equal(take_all(family, found, 8), 6);
	}
}

/* Keys that are alike in all but one byte: as many as make them neighbours in the table. */
static void neighbours_are_not_mixed_up(void **state)
{
	static uint8_t seen[65536];

	(void)state;
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct socket socket = {.family = family};
		struct destination destination;
		size_t position = 0;

		memset(seen, 0, sizeof(seen));
		for (unsigned port = 0; port < 65536; port++) {
			socket.remote_port = (uint16_t)port;
			assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		}
		while (destination_table_next(table, family, &position, &destination)) {
			assert_int_equal(destination.ports[PORT_ACTIVE], 1);
			assert_int_equal(seen[destination.port]++, 0);
		}
		assert_null(memchr(seen, 0, sizeof(seen)));
	}
}

static void a_link_local_peer_is_another_on_another_interface(void **state)
{
	struct socket socket = {.family = SOCKET_IPV6, .remote_port = 443, .interface = 2};
	struct destination found[8];

	(void)state;
	socket.remote.bytes[0] = 0xfe;
	socket.remote.bytes[1] = 0x80;
	assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
	socket.interface = 3;
	assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
	assert_int_equal(take_all(SOCKET_IPV6, found, 8), 2);
	assert_int_equal(found[0].interface + found[1].interface, 5);
}

static void count_of(const struct socket *socket, enum port_use use, unsigned times)
{
	while (times--)
		assert_result(destination_table_add(table, socket, use), 0);
}

/* What the destination of that interface has lost to sockets of none. */
static unsigned shared_of(enum socket_family family, uint32_t interface, unsigned capacity)
{
	struct destination found[8];
	const size_t length = take_all(family, found, 8);

	for (size_t i = 0; i < length; i++) {
		assert_int_equal(found[i].shared, 0);
		if (found[i].interface != interface)
			continue;
		destination_table_share(table, capacity, &found[i]);
		return found[i].shared;
	}
	fail();
	return 0;
}

static void a_destination_is_found_by_itself(void **state)
{
	(void)state;
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct socket socket = {.family = family, .remote_port = 443};
		struct destination wanted;
		uint16_t counts[PORT_USES] = {9, 9, 9};

		socket.remote.bytes[0] = 11;
		wanted = destination_of(&socket);
		/* An empty table has none. */
		destination_table_clear(table);
		destination_table_count(table, &wanted, counts);
		assert_int_equal(counts[PORT_ACTIVE] + counts[PORT_TIME_WAIT], 0);
		count_of(&socket, PORT_ACTIVE, 3);
		count_of(&socket, PORT_TIME_WAIT, 5);
		socket.interface = 2;
		count_of(&socket, PORT_ACTIVE, 7);
		destination_table_count(table, &wanted, counts);
		assert_int_equal(counts[PORT_ACTIVE], 3);
		assert_int_equal(counts[PORT_TIME_WAIT], 5);
		wanted.interface = 2;
		destination_table_count(table, &wanted, counts);
		assert_int_equal(counts[PORT_ACTIVE], 7);
		assert_int_equal(counts[PORT_TIME_WAIT], 0);
		wanted.port = 444;
		destination_table_count(table, &wanted, counts);
		assert_int_equal(counts[PORT_ACTIVE], 0);
	}
}

static void an_interface_shares_with_sockets_of_none(void **state)
{
	(void)state;
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct socket socket = {.family = family, .remote_port = 443};

		socket.local.bytes[0] = 10;
		socket.remote.bytes[0] = 11;
		socket.interface = 2;
		count_of(&socket, PORT_ACTIVE, 3);
		/* Nobody else is there. */
		assert_int_equal(shared_of(family, 2, 100), 0);
		socket.interface = 3;
		count_of(&socket, PORT_TIME_WAIT, 7);
		socket.interface = 0;
		count_of(&socket, PORT_ACTIVE, 11);
		count_of(&socket, PORT_TIME_WAIT, 13);
		count_of(&socket, PORT_REUSABLE, 17);
		/* Another destination's. */
		socket.remote_port = 444;
		count_of(&socket, PORT_ACTIVE, 19);
		assert_int_equal(shared_of(family, 2, 100), 24);
		assert_int_equal(shared_of(family, 3, 100), 24);
		/* What is lost is never more than there was. */
		assert_int_equal(shared_of(family, 2, 27), 24);
		assert_int_equal(shared_of(family, 2, 26), 23);
		assert_int_equal(shared_of(family, 3, 7), 0);
		assert_int_equal(shared_of(family, 3, 0), 0);
		/* It goes one way. */
		assert_int_equal(shared_of(family, 0, 100), 0);
	}
}

static void a_key_of_zeros_is_counted(void **state)
{
	const struct socket socket = {.family = SOCKET_IPV4};
	struct destination found[2];

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_result(destination_table_add(table, &socket, PORT_REUSABLE), 0);
	assert_int_equal(take_all(SOCKET_IPV4, found, 2), 1);
	assert_int_equal(found[0].ports[PORT_REUSABLE], 7);
	assert_int_equal(destination_used(&found[0]), 0);
}

static void at_its_limit_only_known_ones_are_counted(void **state)
{
	struct destination_table *small;
	struct socket socket = {.family = SOCKET_IPV4, .remote_port = 443};
	struct destination destination;
	size_t position = 0;
	unsigned length = 0;

	(void)state;
	assert_result(destination_table_new(1013, true, &small), 0);
	for (unsigned i = 0; i < 2027; i++) {
		socket.remote.bytes[2] = (uint8_t)(i >> 8);
		socket.remote.bytes[3] = (uint8_t)i;
		assert_result(
		    destination_table_add(small, &socket, PORT_ACTIVE), i < 1013 ? 0 : -ENOBUFS);
	}
	socket.remote.bytes[2] = socket.remote.bytes[3] = 0;
	assert_result(destination_table_add(small, &socket, PORT_TIME_WAIT), 0);
	/* With or without an interface, it is the family's. */
	socket.interface = 2;
	assert_result(destination_table_add(small, &socket, PORT_ACTIVE), -ENOBUFS);
	socket.family = SOCKET_IPV6;
	assert_result(destination_table_add(small, &socket, PORT_ACTIVE), 0);
	while (destination_table_next(small, SOCKET_IPV4, &position, &destination)) {
		length++;
		assert_int_equal(destination.ports[PORT_ACTIVE], 1);
	}
	assert_int_equal(length, 1013);
	destination_table_free(small);
}

static void counts_stop_at_their_largest_number(void **state)
{
	const struct socket socket = {.family = SOCKET_IPV4, .remote_port = 443};
	struct destination found[2];

	(void)state;
	for (unsigned i = 0; i < 65535 + 3; i++)
		assert_result(destination_table_add(table, &socket, PORT_TIME_WAIT), 0);
	assert_int_equal(take_all(SOCKET_IPV4, found, 2), 1);
	assert_int_equal(found[0].ports[PORT_TIME_WAIT], 65535);
	assert_int_equal(found[0].ports[PORT_ACTIVE], 0);
	assert_int_equal(found[0].ports[PORT_REUSABLE], 0);
	assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
	take_all(SOCKET_IPV4, found, 2);
	assert_int_equal(destination_used(&found[0]), 65536);
}

static void a_cleared_table_is_empty_and_counts_again(void **state)
{
	const struct socket socket = {.family = SOCKET_IPV4, .remote_port = 443};
	struct destination found[2];

	(void)state;
	destination_table_add(table, &socket, PORT_ACTIVE);
	destination_table_clear(table);
	destination_table_clear(table);
	assert_int_equal(take_all(SOCKET_IPV4, found, 2), 0);
	assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
	assert_int_equal(take_all(SOCKET_IPV4, found, 2), 1);
	assert_int_equal(found[0].ports[PORT_ACTIVE], 1);
	destination_table_free(NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(counts_as_a_simple_reference_does),
	    TEST(every_part_of_a_key_matters),
	    TEST(neighbours_are_not_mixed_up),
	    TEST(a_link_local_peer_is_another_on_another_interface),
	    TEST(a_destination_is_found_by_itself),
	    TEST(an_interface_shares_with_sockets_of_none),
	    TEST(a_key_of_zeros_is_counted),
	    TEST(at_its_limit_only_known_ones_are_counted),
	    TEST(counts_stop_at_their_largest_number),
	    TEST(a_cleared_table_is_empty_and_counts_again),
	};

	return cmocka_run_group_tests_name("destination_table", tests, NULL, NULL);
}
