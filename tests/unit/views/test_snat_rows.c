// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/snat_rows.h"

#include <arpa/inet.h>
#include <errno.h>

#include "unit.h"
#include "workspace.h"

#define TCP(client, server, port)                                                       \
	"ipv4     2 tcp      6 9 ESTABLISHED src=" client " dst=" server " sport=" port \
	" dport=443 "                                                                   \
	"src=" server " dst=192.0.2.1 sport=443 dport=" port " use=2\n"
#define UDP(client, server, port)                                                         \
	"ipv4     2 udp      17 9 src=" client " dst=" server " sport=" port " dport=53 " \
	"src=" server " dst=192.0.2.1 sport=53 dport=" port " use=2\n"

static struct workspace workspace;
static struct conntrack *conntrack;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "net/nf_conntrack",
	    TCP("10.0.0.1", "198.51.100.1", "40000") TCP("10.0.0.1", "198.51.100.1", "40001") TCP(
		"10.0.0.2", "198.51.100.1", "40002") TCP("10.0.0.2", "198.51.100.2", "40000")
		UDP("10.0.0.3", "198.51.100.1", "40003") UDP("10.0.0.3", "198.51.100.1", "40004")
		    UDP("10.0.0.3", "198.51.100.1", "40005") UDP("10.0.0.4", "198.51.100.1",
			"40006") TCP("10.0.0.9", "198.51.100.1", "40010"));
	return conntrack_open(workspace.path, &conntrack);
}

static int tear_down(void **state)
{
	(void)state;
	conntrack_close(conntrack);
	workspace_remove(&workspace);
	return 0;
}

static struct snat_rows *read_rows(const struct peer_filter *peers, size_t limit, size_t clients)
{
	const struct snat_asked asked = {
	    .pools = {.ports = {40000, 40003},
		.evicts = true,
		.has_clients = clients != 0,
		.limit = 1000},
	    .peers = peers,
	    .limit = limit,
	    .clients = clients,
	};
	struct snat_rows *rows;

	assert_result(snat_rows_read(conntrack, &asked, &rows), 0);
	return rows;
}

static void the_fullest_of_both_protocols_come_first(void **state)
{
	const struct snat_asked asked = {
	    .pools = {.ports = {40000, 40009}, .has_clients = true, .limit = 1000},
	    .limit = 10,
	    .clients = 1};
	const struct socket_address first = {{10, 0, 0, 3}};
	struct snat_rows *rows;

	(void)state;
	assert_result(snat_rows_read(conntrack, &asked, &rows), 0);
	assert_int_equal(rows->length, 3);
	assert_int_equal(rows->list[0].protocol, SOCKET_UDP);
	assert_int_equal(rows->list[0].pool.ports[SNAT_ACTIVE], 4);
	assert_int_equal(rows->list[0].clients_length, 1);
	assert_int_equal(rows->list[0].clients[0].ports, 3);
	assert_memory_equal(&rows->list[0].clients[0].address, &first, sizeof(first));
	assert_int_equal(rows->list[1].protocol, SOCKET_TCP);
	assert_int_equal(rows->list[1].pool.ports[SNAT_ACTIVE], 3);
	assert_int_equal(rows->list[2].pool.ports[SNAT_ACTIVE], 1);
	assert_int_equal(rows->ports, 8);
	assert_float_equal(rows->list[0].share, 0.4, 1e-9);
	assert_int_equal(rows->full + rows->nearly_full, 0);
	snat_rows_free(rows);
}

static void only_ports_of_the_range_count(void **state)
{
	struct snat_rows *rows = read_rows(NULL, 1, 0);

	(void)state;
	assert_int_equal(rows->length, 1);
	assert_int_equal(rows->pools, 3);
	assert_int_equal(rows->ports, 5);
	assert_int_equal(rows->list[0].protocol, SOCKET_TCP);
	assert_float_equal(rows->list[0].share, 0.75, 1e-9);
	assert_float_equal(rows->list[0].loss, 0, 1e-9);
	assert_int_equal(rows->list[0].clients_length, 0);
	snat_rows_free(rows);
}

static void full_ones_are_counted(void **state)
{
	struct snat_asked asked = {.pools = {.ports = {40000, 40002}, .limit = 1000}, .limit = 0};
	struct snat_rows *rows;

	(void)state;
	assert_result(snat_rows_read(conntrack, &asked, &rows), 0);
	assert_int_equal(rows->length, 0);
	assert_int_equal(rows->full, 1);
	assert_int_equal(rows->nearly_full, 0);
	snat_rows_free(rows);
	/* 9 of 10 */
	workspace_write(&workspace, "net/nf_conntrack",
	    TCP("10.0.0.1", "198.51.100.1", "1") TCP("10.0.0.1", "198.51.100.1", "2")
		TCP("10.0.0.1", "198.51.100.1", "3") TCP("10.0.0.1", "198.51.100.1", "4")
		    TCP("10.0.0.1", "198.51.100.1", "5") TCP("10.0.0.1", "198.51.100.1", "6")
			TCP("10.0.0.1", "198.51.100.1", "7") TCP("10.0.0.1", "198.51.100.1", "8")
			    TCP("10.0.0.1", "198.51.100.1", "9"));
	asked.pools.ports = (struct port_range){1, 10};
	conntrack_close(conntrack);
	assert_result(conntrack_open(workspace.path, &conntrack), 0);
	assert_result(snat_rows_read(conntrack, &asked, &rows), 0);
	assert_int_equal(rows->full, 0);
	assert_int_equal(rows->nearly_full, 1);
	snat_rows_free(rows);
}

static void others_than_those_asked_for_are_counted(void **state)
{
	const struct peer_filter peers = {.length = 1,
	    .terms = {{.has_address = true,
		.family = SOCKET_IPV4,
		.address = {{198, 51, 100, 2}},
		.bits = 32}}};
	struct snat_rows *rows = read_rows(&peers, 10, 3);

	(void)state;
	assert_int_equal(rows->length, 1);
	assert_int_equal(rows->pools, 1);
	assert_int_equal(rows->others, 2);
	assert_int_equal(rows->ports, 1);
	snat_rows_free(rows);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	const struct snat_asked asked = {.pools = {.ports = {1, 9}, .limit = 1000}, .limit = 1};
	struct snat_rows *rows;

	(void)state;
	workspace_write(&workspace, "net/nf_conntrack", "ipv4\n");
	conntrack_close(conntrack);
	assert_result(conntrack_open(workspace.path, &conntrack), 0);
	assert_result(snat_rows_read(conntrack, &asked, &rows), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		the_fullest_of_both_protocols_come_first, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_ports_of_the_range_count, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(full_ones_are_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		others_than_those_asked_for_are_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_cannot_be_read_is_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("snat_rows", tests, NULL, NULL);
}
