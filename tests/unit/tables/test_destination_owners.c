// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_owners.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "collectors/tables/destination_table.h"
#include "unit.h"

#define DESTINATIONS 211u
#define CGROUPS 307u
#define ADDED 100003u
#define NO_LIMIT 1000000u

/* In no order: ids that differ in their low bits only, and ids that differ everywhere. */
static uint64_t cgroup_at(unsigned i)
{
	return i == 0 ? 0 : i % 2 ? i : (uint64_t)i << 40 | 4711;
}

static uint64_t ports_of(const struct owner *list, size_t length, uint64_t cgroup_id)
{
	uint64_t ports = 0;
	unsigned found = 0;

	for (size_t i = 0; i < length; i++) {
		if (list[i].cgroup_id != cgroup_id)
			continue;
		ports = list[i].count;
		found++;
	}
	assert_true(found <= 1);
	return ports;
}

/* The first have one owner or none, the last have all. */
static unsigned random_owner(unsigned destination)
{
	if (destination < 3)
		return destination;
	return destination % 3 == 0 ? 17 : random_number() % (destination % 5 ? 5 : CGROUPS);
}

static void each_owner_has_what_a_simple_reference_says(void **state)
{
	static destination_owner_handle handles[DESTINATIONS];
	static unsigned active[DESTINATIONS];
	static unsigned wanted[DESTINATIONS][CGROUPS];
	struct destination_owners *owners = destination_owners_new(NO_LIMIT);

	(void)state;
	assert_non_null(owners);
	for (unsigned i = 0; i < ADDED; i++) {
		const unsigned to = random_number() % DESTINATIONS;
		const unsigned owner = random_owner(to);

		assert_result(
		    destination_owners_add(owners, &handles[to], active[to], cgroup_at(owner)), 0);
		active[to]++;
		wanted[to][owner]++;
	}
	for (unsigned to = 0; to < DESTINATIONS; to++) {
		struct owner *list;
		size_t length;
		size_t expected = 0;

		assert_result(
		    destination_owners_list(owners, handles[to], active[to], &list, &length), 0);
		for (unsigned i = 1; i < CGROUPS; i++) {
			assert_int_equal(ports_of(list, length, cgroup_at(i)), wanted[to][i]);
			expected += wanted[to][i] != 0;
		}
		assert_int_equal(length, expected);
		free(list);
	}
	destination_owners_free(owners);
}

static void nobody_is_listed_for_ports_without_an_owner(void **state)
{
	struct destination_owners *owners = destination_owners_new(NO_LIMIT);
	destination_owner_handle handle = 0;
	struct owner *list;
	size_t length;

	(void)state;
	assert_result(destination_owners_list(owners, handle, 0, &list, &length), 0);
	assert_int_equal(length, 0);
	free(list);
	for (unsigned i = 0; i < 5; i++)
		assert_result(destination_owners_add(owners, &handle, i, 0), 0);
	assert_result(destination_owners_list(owners, handle, 5, &list, &length), 0);
	assert_int_equal(length, 0);
	free(list);
	/* Nor where one port has one. */
	assert_result(destination_owners_add(owners, &handle, 5, 31), 0);
	assert_result(destination_owners_list(owners, handle, 6, &list, &length), 0);
	assert_int_equal(length, 1);
	assert_int_equal(list[0].cgroup_id, 31);
	assert_int_equal(list[0].count, 1);
	free(list);
	destination_owners_free(owners);
	destination_owners_free(NULL);
}

/* What there is no place for is missing from the sum, and nobody gets it. */
static void beyond_the_limit_nobody_is_blamed(void **state)
{
	struct destination_owners *owners = destination_owners_new(7);
	destination_owner_handle first = 0;
	destination_owner_handle second = 0;
	struct owner *list;
	size_t length;

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		assert_result(destination_owners_add(owners, &first, i, 101 + i % 6), 0);
	for (unsigned i = 0; i < 12; i++)
		assert_result(destination_owners_add(owners, &second, i, 201 + i % 2), 0);
	for (unsigned i = 12; i < 36; i++)
		assert_result(destination_owners_add(owners, &first, i, 101 + i % 12), 0);
	assert_result(destination_owners_list(owners, first, 36, &list, &length), 0);
	assert_int_equal(length, 7);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(ports_of(list, length, 101 + i), 4);
	assert_int_equal(ports_of(list, length, 107), 2);
	free(list);
	assert_result(destination_owners_list(owners, second, 12, &list, &length), 0);
	assert_int_equal(length, 0);
	free(list);
	destination_owners_free(owners);
}

#define CGROUPS_MAX 131072u

static void more_cgroups_than_are_told_apart_are_nobodys(void **state)
{
	struct destination_owners *owners = destination_owners_new(NO_LIMIT);
	struct owner *list;
	size_t length;

	(void)state;
	for (unsigned i = 0; i < CGROUPS_MAX + 5; i++) {
		destination_owner_handle handle = 0;

		assert_result(destination_owners_add(owners, &handle, 0, i + 1), 0);
		assert_result(destination_owners_list(owners, handle, 1, &list, &length), 0);
		assert_int_equal(length, i < CGROUPS_MAX);
		if (length)
			assert_int_equal(list[0].cgroup_id, i + 1);
		free(list);
	}
	destination_owners_free(owners);
}

static void clearing_forgets_all_but_the_limit(void **state)
{
	struct destination_owners *owners = destination_owners_new(2);
	struct owner *list;
	size_t length;

	(void)state;
	for (int round = 0; round < 3; round++) {
		destination_owner_handle handle = 0;

		for (unsigned i = 0; i < 9; i++)
			assert_result(destination_owners_add(owners, &handle, i, 7 + i % 3), 0);
		assert_result(destination_owners_list(owners, handle, 9, &list, &length), 0);
		assert_int_equal(length, 2);
		assert_int_equal(ports_of(list, length, 7), 3);
		assert_int_equal(ports_of(list, length, 8), 3);
		free(list);
		destination_owners_clear(owners);
	}
	destination_owners_free(owners);
}

/* A destination keeps its owners while the table grows, in each family, bound to an interface or
 * not. */
static void the_table_of_destinations_keeps_them(void **state)
{
	struct destination_table *table;
	struct socket socket = {.protocol = SOCKET_TCP};

	(void)state;
	assert_result(destination_table_new(NO_LIMIT, true, &table), 0);
	for (unsigned i = 0; i < 30000; i++) {
		const unsigned to = i % 5000;

		socket.family = to % 3 ? SOCKET_IPV4 : SOCKET_IPV6;
		socket.interface = to % 2;
		socket.remote.bytes[2] = (uint8_t)(to >> 8);
		socket.remote.bytes[3] = (uint8_t)to;
		socket.cgroup_id = 900 + to % 7 + (i / 5000 == 5);
		assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
		socket.cgroup_id = 0;
		assert_result(destination_table_add(table, &socket, PORT_TIME_WAIT), 0);
	}
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct destination found;
		size_t position = 0;

		while (destination_table_next(table, family, &position, &found)) {
			const unsigned to =
			    (unsigned)found.address.bytes[2] << 8 | found.address.bytes[3];
			struct owner *list;
			size_t length;

			assert_result(
			    destination_table_list_owners(table, &found, &list, &length), 0);
			assert_int_equal(length, 2);
			assert_int_equal(ports_of(list, length, 900 + to % 7), 5);
			assert_int_equal(ports_of(list, length, 901 + to % 7), 1);
			free(list);
		}
	}
	destination_table_free(table);
}

static void a_table_without_owners_has_none(void **state)
{
	struct destination_table *table;
	struct destination found;
	struct socket socket = {.family = SOCKET_IPV4, .cgroup_id = 12};
	struct owner *list;
	size_t length;
	size_t position = 0;

	(void)state;
	assert_result(destination_table_new(NO_LIMIT, false, &table), 0);
	assert_result(destination_table_add(table, &socket, PORT_ACTIVE), 0);
	assert_true(destination_table_next(table, SOCKET_IPV4, &position, &found));
	assert_result(destination_table_list_owners(table, &found, &list, &length), 0);
	assert_int_equal(length, 0);
	free(list);
	destination_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_owner_has_what_a_simple_reference_says),
	    cmocka_unit_test(nobody_is_listed_for_ports_without_an_owner),
	    cmocka_unit_test(beyond_the_limit_nobody_is_blamed),
	    cmocka_unit_test(more_cgroups_than_are_told_apart_are_nobodys),
	    cmocka_unit_test(clearing_forgets_all_but_the_limit),
	    cmocka_unit_test(the_table_of_destinations_keeps_them),
	    cmocka_unit_test(a_table_without_owners_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
