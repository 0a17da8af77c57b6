// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "collect.h"
#include "unit.h"
#include "workspace.h"

extern const struct collector owners_collector;

/* An id that no cgroup has: they count up from 1. */
#define GONE UINT64_C(0x7fffffff00000000)
#define GONE_TEXT "id:9223372032559808512"
#define GONE_NEXT_TEXT "id:9223372032559808513"

#define NONE_BOUND "other_owner_bound_ports: 0\nunowned_bound_ports: 0\n"
#define NO_UDP "other_owner_udp_ports: 0\nunowned_udp_ports: 0\n"

static struct workspace workspace;
static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	memset(&facts, 0, sizeof(facts));
	facts.settings.range = (struct port_range){40000, 40009};
	facts_finish(&facts);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (collect.state)
		collect_close(&collect);
	workspace_remove(&workspace);
	return 0;
}

/* With this host's cgroups; without any the test is skipped. */
static void start(const unsigned long *flags)
{
	int result;

	collect_open(&collect, &owners_collector, flags, "/nonexistent", "/sys");
	result = collect_begin(&collect, &facts);
	if (result == -EOPNOTSUPP)
		skip();
	assert_result(result, 0);
}

static void lease(enum socket_state socket_state, uint16_t port, uint64_t cgroup_id)
{
	struct socket socket = make_socket(socket_state, "127.0.0.1", port, "127.0.0.1", 443);

	socket.cgroup_id = cgroup_id;
	collect_socket(&collect, &socket);
}

static void without_the_hierarchy_nothing_is_told(void **state)
{
	(void)state;
	collect_open(&collect, &owners_collector, NULL, "/nonexistent", workspace.path);
	assert_result(collect_begin(&collect, &facts), -EOPNOTSUPP);
	/* Directories alone do not make a hierarchy, and it is looked for each time. */
	workspace_write(&workspace, "fs/cgroup/cgroup.controllers", "cpu memory\n");
	assert_result(collect_begin(&collect, &facts), -EOPNOTSUPP);
	workspace_write(&workspace, "fs/cgroup/unified/cgroup.controllers", "\n");
	assert_result(collect_begin(&collect, &facts), -EOPNOTSUPP);
}

static void nothing_leased_is_nobodys(void **state)
{
	(void)state;
	start(NULL);
	assert_emitted(&collect, "other_owner_ports: 0\nunowned_ports: 0\n" NONE_BOUND NO_UDP);
}

static void owners_that_are_gone_go_by_their_id(void **state)
{
	(void)state;
	start(NULL);
	for (uint16_t i = 0; i < 5; i++)
		lease(SOCKET_ESTABLISHED, (uint16_t)(40000 + i), GONE + 1);
	for (uint16_t i = 0; i < 3; i++)
		lease(SOCKET_CLOSE_WAIT, (uint16_t)(40000 + i), GONE);
	lease(SOCKET_TIME_WAIT, 40007, 0);
	lease(SOCKET_TIME_WAIT, 40007, 0);
	assert_emitted(&collect, "owner_ports " GONE_NEXT_TEXT "    : 5\n"
				 "owner_ports " GONE_TEXT "    : 3\n"
				 "other_owner_ports: 0\nunowned_ports: 2\n" NONE_BOUND NO_UDP);
	/* The name is stable, and what was counted is not. */
	assert_result(collect_begin(&collect, &facts), 0);
	lease(SOCKET_ESTABLISHED, 40000, GONE);
	assert_emitted(&collect,
	    "owner_ports " GONE_TEXT
	    "    : 1\nother_owner_ports: 0\nunowned_ports: 0\n" NONE_BOUND NO_UDP);
}

static void the_root_of_the_hierarchy_has_a_name(void **state)
{
	(void)state;
	start(NULL);
	lease(SOCKET_ESTABLISHED, 40000, 1);
	assert_emitted(&collect,
	    "owner_ports /    : 1\nother_owner_ports: 0\nunowned_ports: 0\n" NONE_BOUND NO_UDP);
}

static void only_what_is_leased_counts(void **state)
{
	(void)state;
	portset_add(&facts.settings.reserved, 40001);
	portset_add(&facts.holders.listen, 40002);
	portset_add(&facts.holders.bound, 40003);
	portset_add(&facts.holders.connected, 40004);
	portset_add(&facts.holders.listen, 40006);
	facts_finish(&facts);
	start(NULL);
	for (uint16_t port = 39999; port < 40006; port++)
		lease(SOCKET_ESTABLISHED, port, GONE);
	lease(SOCKET_LISTEN, 40006, GONE);
	lease(SOCKET_BOUND, 40006, GONE);
	lease(SOCKET_CLOSE, 40006, GONE);
	/* 40000 and 40005; and of what is bound 40002 to 40004, and 40006 by its listener. */
	assert_emitted(&collect, "owner_ports " GONE_TEXT "    : 2\nother_owner_ports: 0\n"
				 "unowned_ports: 0\nowner_bound_ports " GONE_TEXT "    : 4\n"
				 "other_owner_bound_ports: 0\nunowned_bound_ports: 0\n" NO_UDP);
}

static void hold_udp(uint16_t port, uint64_t cgroup_id)
{
	struct socket socket = make_socket(SOCKET_ESTABLISHED, "127.0.0.1", port, "127.0.0.1", 53);

	socket.protocol = SOCKET_UDP;
	socket.cgroup_id = cgroup_id;
	collect_socket(&collect, &socket);
}

/* Whoever holds it, and however: a bind() takes it from UDP's pool as connect() does. */
static void udp_ports_count_once_each(void **state)
{
	(void)state;
	portset_add(&facts.settings.reserved, 40001);
	portset_add(&facts.holders.bound, 40003);
	facts_finish(&facts);
	start(NULL);
	for (uint16_t port = 39999; port < 40006; port++)
		hold_udp(port, GONE);
	hold_udp(40002, GONE + 1);
	hold_udp(40006, GONE + 1);
	hold_udp(40007, 0);
	assert_emitted(&collect, "other_owner_ports: 0\nunowned_ports: 0\n"
				 "other_owner_bound_ports: 0\nunowned_bound_ports: 1\n"
				 "owner_udp_ports " GONE_TEXT "    : 5\n"
				 "owner_udp_ports " GONE_NEXT_TEXT "    : 1\n"
				 "other_owner_udp_ports: 0\nunowned_udp_ports: 1\n");
	assert_result(collect_begin(&collect, &facts), 0);
	assert_emitted(&collect, "other_owner_ports: 0\nunowned_ports: 0\n"
				 "other_owner_bound_ports: 0\nunowned_bound_ports: 1\n" NO_UDP);
}

static void the_limit_puts_the_rest_in_one_number(void **state)
{
	const unsigned long one = 1;
	const unsigned long none = 0;

	(void)state;
	start(&one);
	lease(SOCKET_ESTABLISHED, 40000, GONE + 1);
	lease(SOCKET_ESTABLISHED, 40001, GONE);
	lease(SOCKET_ESTABLISHED, 40002, GONE + 7);
	lease(SOCKET_ESTABLISHED, 40003, GONE + 7);
	lease(SOCKET_ESTABLISHED, 40004, 0);
	assert_emitted(&collect, "owner_ports id:9223372032559808519    : 2\n"
				 "other_owner_ports: 2\nunowned_ports: 1\n" NONE_BOUND NO_UDP);
	collect_close(&collect);
	start(&none);
	lease(SOCKET_ESTABLISHED, 40000, GONE);
	assert_emitted(&collect, "other_owner_ports: 1\nunowned_ports: 0\n" NONE_BOUND NO_UDP);
}

/* However many sockets a port has, it is one port, and the first socket's with a cgroup. */
static void each_bound_port_is_counted_once(void **state)
{
	const unsigned long one = 1;

	(void)state;
	portset_add(&facts.holders.listen, 40001);
	portset_add(&facts.holders.bound, 40002);
	for (uint16_t port = 40003; port < 40008; port++)
		portset_add(&facts.holders.connected, port);
	facts_finish(&facts);
	start(&one);
	lease(SOCKET_LISTEN, 40001, GONE);
	lease(SOCKET_LISTEN, 40001, GONE + 1);
	lease(SOCKET_BOUND, 40002, GONE + 1);
	lease(SOCKET_ESTABLISHED, 40001, GONE + 7);
	lease(SOCKET_TIME_WAIT, 40003, 0);
	lease(SOCKET_ESTABLISHED, 40003, GONE);
	lease(SOCKET_ESTABLISHED, 40004, GONE);
	lease(SOCKET_ESTABLISHED, 40005, GONE + 7);
	/* 40006 is left in TIME_WAIT alone, and 40007 is gone since it was listed. */
	lease(SOCKET_TIME_WAIT, 40006, 0);
	assert_emitted(&collect, "other_owner_ports: 0\nunowned_ports: 0\n"
				 "owner_bound_ports " GONE_TEXT "    : 3\n"
				 "other_owner_bound_ports: 2\nunowned_bound_ports: 2\n" NO_UDP);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(without_the_hierarchy_nothing_is_told),
	    TEST(nothing_leased_is_nobodys),
	    TEST(owners_that_are_gone_go_by_their_id),
	    TEST(the_root_of_the_hierarchy_has_a_name),
	    TEST(only_what_is_leased_counts),
	    TEST(udp_ports_count_once_each),
	    TEST(the_limit_puts_the_rest_in_one_number),
	    TEST(each_bound_port_is_counted_once),
	};

	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
