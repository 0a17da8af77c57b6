// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/snat_pools.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tables/address_ids.h"
#include "unit.h"

static struct snat_pools *pools;

static void open_pools(bool evicts, size_t limit)
{
	pools = snat_pools_new(&(struct snat_pools_options){
	    .ports = {40000, 40099}, .evicts = evicts, .has_clients = true, .limit = limit});
	assert_non_null(pools);
}

static struct socket_address address_of(enum socket_family family, const char *text)
{
	struct socket_address address = {{0}};

	assert_int_equal(
	    inet_pton(family == SOCKET_IPV4 ? AF_INET : AF_INET6, text, address.bytes), 1);
	return address;
}

/* client: the original source; gateway: the address that it goes out with. */
static void add(const char *client, uint16_t client_port, const char *gateway, uint16_t port,
    const char *server, bool closing)
{
	const enum socket_family family = strchr(client, ':') ? SOCKET_IPV6 : SOCKET_IPV4;
	struct conntrack_entry entry = {
	    .protocol = SOCKET_TCP,
	    .family = family,
	    .is_closing = closing,
	    .original = {address_of(family, client), address_of(family, server), client_port, 443},
	    .reply = {address_of(family, server), address_of(family, gateway), 443, port},
	};

	assert_result(snat_pools_add(pools, &entry), 0);
}

static struct destination only(enum socket_family family)
{
	struct destination pool;
	struct destination other;
	size_t position = 0;

	assert_true(snat_pools_next(pools, SOCKET_TCP, family, &position, &pool));
	assert_false(snat_pools_next(pools, SOCKET_TCP, family, &position, &other));
	return pool;
}

static void each_use_is_counted(void **state)
{
	struct destination pool;

	(void)state;
	open_pools(true, 1000);
	add("10.0.0.1", 5, "192.0.2.1", 40000, "198.51.100.1", false);
	add("10.0.0.2", 5, "192.0.2.1", 40001, "198.51.100.1", false);
	add("10.0.0.2", 6, "192.0.2.1", 40002, "198.51.100.1", true);
	/* The gateway's own. */
	add("192.0.2.1", 40003, "192.0.2.1", 40003, "198.51.100.1", false);
	/* Outside of the range. */
	add("10.0.0.2", 7, "192.0.2.1", 39999, "198.51.100.1", false);
	add("10.0.0.2", 8, "192.0.2.1", 40100, "198.51.100.1", false);
	/* Nobody is translated there. */
	add("192.0.2.1", 40004, "192.0.2.1", 40004, "198.51.100.2", false);
	pool = only(SOCKET_IPV4);
	assert_int_equal(pool.ports[SNAT_ACTIVE], 2);
	assert_int_equal(pool.ports[SNAT_PLAIN], 1);
	assert_int_equal(pool.ports[SNAT_CLOSING], 1);
	assert_int_equal(destination_used(&pool), 3);
	snat_pools_clear(pools);
	assert_false(snat_pools_next(pools, SOCKET_TCP, SOCKET_IPV4, &(size_t){0}, &pool));
	snat_pools_free(pools);
}

static void each_zone_has_a_pool(void **state)
{
	static const uint16_t zones[] = {0, 5, 65535, 5};
	static const enum socket_family families[] = {SOCKET_IPV4, SOCKET_IPV6};

	(void)state;
	open_pools(true, 1000);
	for (size_t i = 0; i < LENGTH(zones) * LENGTH(families); i++) {
		const enum socket_family family = families[i % LENGTH(families)];
		const char *server = family == SOCKET_IPV4 ? "198.51.100.1" : "fd01::1";
		const char *gateway = family == SOCKET_IPV4 ? "192.0.2.1" : "fd00::9";
		const char *client = family == SOCKET_IPV4 ? "10.0.0.1" : "fd00::1";
		const uint16_t port = (uint16_t)(40000 + i);
		const struct conntrack_entry entry = {
		    .protocol = SOCKET_TCP,
		    .family = family,
		    .zone = zones[i / LENGTH(families)],
		    .original = {address_of(family, client), address_of(family, server), 1, 443},
		    .reply = {address_of(family, server), address_of(family, gateway), 443, port},
		};

		assert_result(snat_pools_add(pools, &entry), 0);
	}
	for (size_t i = 0; i < LENGTH(families); i++) {
		struct destination pool;
		size_t position = 0;
		unsigned found = 0;

		while (snat_pools_next(pools, SOCKET_TCP, families[i], &position, &pool)) {
			found += snat_pool_zone(&pool) + 1;
			assert_int_equal(
			    destination_used(&pool), snat_pool_zone(&pool) == 5 ? 2 : 1);
		}
		assert_int_equal(found, 0 + 5 + 65535 + 3);
	}
	snat_pools_free(pools);
}

static void older_kernels_evict_nothing(void **state)
{
	(void)state;
	open_pools(false, 1000);
	add("10.0.0.1", 5, "192.0.2.1", 40000, "198.51.100.1", true);
	assert_int_equal(only(SOCKET_IPV4).ports[SNAT_ACTIVE], 1);
	snat_pools_free(pools);
}

static void clients_are_the_most_first(void **state)
{
	struct snat_client clients[2];
	struct destination pool;
	const struct socket_address second = address_of(SOCKET_IPV6, "fd00::2");

	(void)state;
	open_pools(true, 1000);
	for (uint16_t i = 0; i < 5; i++)
		add("fd00::1", i, "fd00::9", (uint16_t)(40000 + i), "fd01::1", false);
	for (uint16_t i = 0; i < 7; i++)
		add("fd00::2", i, "fd00::9", (uint16_t)(40010 + i), "fd01::1", false);
	add("fd00::3", 1, "fd00::9", 40020, "fd01::1", false);
	pool = only(SOCKET_IPV6);
	assert_result(snat_pools_clients(pools, SOCKET_TCP, &pool, clients, 2), 2);
	assert_memory_equal(&clients[0].address, &second, sizeof(second));
	assert_int_equal(clients[0].ports, 7);
	assert_int_equal(clients[1].ports, 5);
	snat_pools_free(pools);
}

static void beyond_the_limit(void **state)
{
	(void)state;
	open_pools(true, 2);
	add("10.0.0.1", 5, "192.0.2.1", 40000, "198.51.100.1", false);
	add("10.0.0.1", 5, "192.0.2.1", 40000, "198.51.100.2", false);
	add("10.0.0.1", 5, "192.0.2.1", 40000, "198.51.100.3", false);
	add("10.0.0.1", 6, "192.0.2.1", 40001, "198.51.100.3", false);
	assert_int_equal(snat_pools_untracked(pools, SOCKET_TCP, SOCKET_IPV4), 2);
	assert_int_equal(snat_pools_untracked(pools, SOCKET_UDP, SOCKET_IPV4), 0);
	snat_pools_free(pools);
}

static void numbers_of_addresses(void **state)
{
	struct address_ids *ids = address_ids_new();
	struct socket_address address = {{0xfd}};
	struct socket_address found;
	uint64_t *list = calloc(ADDRESS_IDS_MAX, sizeof(*list));
	uint64_t id;

	(void)state;
	assert_non_null(ids);
	assert_non_null(list);
	for (uint32_t i = 0; i < ADDRESS_IDS_MAX; i++) {
		memcpy(address.bytes + 12, &i, sizeof(i));
		assert_result(address_ids_add(ids, SOCKET_IPV6, &address, &list[i]), 0);
		assert_true(list[i]);
	}
	for (uint32_t i = 0; i < ADDRESS_IDS_MAX; i += 997) {
		memcpy(address.bytes + 12, &i, sizeof(i));
		assert_result(address_ids_add(ids, SOCKET_IPV6, &address, &id), 0);
		assert_int_equal(id, list[i]);
		assert_true(address_ids_find(ids, id, &found));
		assert_memory_equal(&found, &address, sizeof(address));
	}
	/* There is no room for another one, but for any of IPv4. */
	address.bytes[0] = 0xfe;
	assert_result(address_ids_add(ids, SOCKET_IPV6, &address, &id), 0);
	assert_int_equal(id, 0);
	assert_false(address_ids_find(ids, 0, &found));
	address = address_of(SOCKET_IPV4, "0.0.0.0");
	assert_result(address_ids_add(ids, SOCKET_IPV4, &address, &id), 0);
	assert_true(id);
	assert_true(address_ids_find(ids, id, &found));
	assert_memory_equal(&found, &address, sizeof(address));
	address_ids_clear(ids);
	assert_false(address_ids_find(ids, 1, &found));
	address_ids_free(ids);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_use_is_counted),
	    cmocka_unit_test(each_zone_has_a_pool),
	    cmocka_unit_test(older_kernels_evict_nothing),
	    cmocka_unit_test(clients_are_the_most_first),
	    cmocka_unit_test(beyond_the_limit),
	    cmocka_unit_test(numbers_of_addresses),
	};

	return cmocka_run_group_tests_name("snat_pools", tests, NULL, NULL);
}
