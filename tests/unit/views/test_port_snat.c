// SPDX-License-Identifier: Apache-2.0
#include "collectors/collector.h"
#include "collectors/views/port_snat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "workspace.h"

#define LINE(client, sport, state, server, port)                                       \
	"ipv4     2 tcp      6 9 " state " src=" client " dst=" server " sport=" sport \
	" dport=443 src=" server " dst=192.0.2.1 sport=443 dport=" port " use=2\n"

static struct workspace workspace;
static struct portset ports;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	ports = (struct portset){0};
	portset_add(&ports, 40001);
	portset_add(&ports, 40003);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&workspace);
	return 0;
}

static struct port_snat *read_snat(const struct port_asked *asked)
{
	static const unsigned long values[COLLECTOR_FLAGS_MAX];
	struct port_snat *snat;

	assert_result(port_snat_read(workspace.path, values, &ports, asked, &snat), 0);
	return snat;
}

static void those_of_the_ports_are_kept_in_order(void **state)
{
	const struct snat_flow *list;
	struct port_snat *snat;
	size_t length;

	(void)state;
	workspace_write(&workspace, "net/nf_conntrack",
	    LINE("10.0.0.2", "7", "CLOSE", "198.51.100.1", "40003")
		LINE("10.0.0.1", "9", "ESTABLISHED", "198.51.100.2", "40003")
		    LINE("10.0.0.1", "8", "ESTABLISHED", "198.51.100.3", "40002")
			LINE("10.0.0.9", "5", "ESTABLISHED", "198.51.100.4", "40001")
	    /* It came twice. */
	    LINE("10.0.0.9", "5", "ESTABLISHED", "198.51.100.4", "40001")
	    /* The host's own. */
	    LINE("192.0.2.1", "40001", "ESTABLISHED", "198.51.100.5", "40001"));
	snat = read_snat(NULL);
	assert_int_equal(snat->length, 3);
	assert_int_equal(snat->error, 0);
	assert_int_equal(port_snat_total(snat, 40001), 1);
	assert_int_equal(port_snat_total(snat, 40002), 0);
	assert_int_equal(port_snat_total(snat, 40003), 2);
	list = port_snat_find(snat, 40003, &length);
	assert_int_equal(length, 2);
	assert_int_equal(list[0].client_port, 9);
	assert_false(list[0].is_closing);
	assert_int_equal(list[1].client_port, 7);
	assert_int_equal(list[1].remote_port, 443);
	assert_true(list[1].is_closing);
	assert_null(port_snat_find(snat, 40002, &length));
	assert_int_equal(length, 0);
	assert_null(port_snat_find(NULL, 40001, &length));
	assert_int_equal(port_snat_total(NULL, 40001), 0);
	port_snat_free(snat);
}

static void only_some_are_asked_for(void **state)
{
	struct port_asked asked = {.ports = ports,
	    .whole = ports,
	    .peers = {.length = 1,
		.terms = {{.has_address = true,
		    .family = SOCKET_IPV4,
		    .address = {{198, 51, 100, 2}},
		    .bits = 32}}}};
	struct port_snat *snat;

	(void)state;
	workspace_write(&workspace, "net/nf_conntrack",
	    LINE("10.0.0.2", "7", "CLOSE", "198.51.100.1", "40003")
		LINE("10.0.0.1", "9", "ESTABLISHED", "198.51.100.2", "40003"));
	snat = read_snat(&asked);
	assert_int_equal(snat->length, 1);
	assert_int_equal(port_snat_total(snat, 40003), 1);
	assert_int_equal(snat->list[0].client_port, 9);
	port_snat_free(snat);
	/* None is in the state of a socket. */
	asked.peers.length = 0;
	asked.states.of[SOCKET_TCP] = ~0u;
	snat = read_snat(&asked);
	assert_int_equal(snat->length, 0);
	port_snat_free(snat);
}

#define MORE 20003

static void more_than_are_kept_are_counted(void **state)
{
	char *text = malloc(MORE * 200);
	struct port_snat *snat;
	size_t length = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < MORE; i++)
		length += (size_t)sprintf(text + length,
		    "ipv4 2 tcp 6 9 ESTABLISHED src=10.0.0.1 dst=10.1.%d.%d sport=5 dport=443 "
		    "src=10.1.%d.%d dst=192.0.2.1 sport=443 dport=40001 use=2\n",
		    i / 250, i % 250, i / 250, i % 250);
	workspace_write(&workspace, "net/nf_conntrack", text);
	free(text);
	snat = read_snat(NULL);
	assert_int_equal(snat->length, 20000);
	assert_int_equal(snat->unlisted, 3);
	assert_int_equal(port_snat_total(snat, 40001), MORE);
	port_snat_free(snat);
}

/* forwards: of IPv4 and of IPv6. */
static int error_where(const char *forwards, const char *forwards6, const char *count)
{
	struct port_snat *snat;
	int error;

	workspace_write(&workspace, "sys/net/ipv4/ip_forward", forwards);
	workspace_write(&workspace, "sys/net/ipv6/conf/all/forwarding", forwards6);
	workspace_write(&workspace, "sys/net/netfilter/nf_conntrack_count", count);
	snat = read_snat(NULL);
	error = snat->error;
	port_snat_free(snat);
	return error;
}

static void what_is_not_known_is_told_where_it_matters(void **state)
{
	(void)state;
	assert_result(error_where("1\n", "0\n", "3\n"), -ENOENT);
	assert_result(error_where("0\n", "1\n", "3\n"), -ENOENT);
	assert_result(error_where("0\n", "0\n", "3\n"), 0);
	assert_result(error_where("1\n", "0\n", "0\n"), 0);
	workspace_write(&workspace, "net/nf_conntrack", "nonsense\n");
	assert_result(error_where("1\n", "0\n", "3\n"), -EBADMSG);
	workspace_write(&workspace, "net/nf_conntrack", "");
	assert_result(error_where("1\n", "0\n", "3\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		those_of_the_ports_are_kept_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_some_are_asked_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(more_than_are_kept_are_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_is_not_known_is_told_where_it_matters, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("port_snat", tests, NULL, NULL);
}
