// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fake_proc.h"
#include "lookup_host.h"
#include "messages.h"
#include "unit.h"
#include "workspace.h"

static void the_remote_side_can_be_left_out(void **state)
{
	struct port_lookup_options options = options_of(20);

	(void)state;
	options.local_only = true;
	write_host();
	write_chosen();
	assert_result(run_with(&options, "40004"), 0);
	assert_answers("40004 listener! 3:0\n"
		       "  tcp listen 40004>0 listener +\n"
		       "  udp close 40004>0 outbound -\n"
		       "  tcp established 40004>40010 inbound -\n"
		       "0 empty\n");
	assert_int_equal(listings.sides[LISTING_TCP], (unsigned)PORT_FILTER_LOCAL);
	assert_int_equal(listings.sides[LISTING_TCP_CHOSEN], (unsigned)PORT_FILTER_LOCAL);
}

static void both_sides_of_a_port_are_told(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	assert_result(run("40004", 20), 0);
	assert_answers("40004 listener! 3:1\n"
		       "  tcp listen 40004>0 listener +\n"
		       "  udp close 40004>0 outbound -\n"
		       "  tcp established 40004>40010 inbound -\n"
		       " /\n"
		       "  tcp established 40010>40004 outbound ?\n"
		       "0 empty\n");
	/* A replay's sockets belong to no process of this host. */
	assert_null(lookup->processes);
	assert_int_equal(lookup->settings.range.first, 40000);
	assert_true(portset_has(&lookup->listen, 80));
	assert_true(portset_has(&lookup->listen, 40004));
	assert_int_equal(portset_count(&lookup->listen), 2);
}

static void a_range_has_answers_where_it_has_sockets(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	assert_result(run("40005-40018", 20), 0);
	assert_answers("40006 bound 1:0\n"
		       "  tcp bound 40006>0 bound -\n"
		       "40008 outbound 2:0\n"
		       "  tcp established 40008>443 outbound -\n"
		       "  tcp time_wait 40008>444 time_wait ?m\n"
		       "40010 outbound 1:1\n"
		       "  tcp established 40010>40004 outbound -\n"
		       " /\n"
		       "  tcp established 40004>40010 inbound -\n"
		       "40012 bound 1:0\n"
		       "  tcp established 40012>443 outbound +\n"
		       "40014 time_wait 1:0\n"
		       "  tcp time_wait 40014>443 time_wait ?m\n"
		       "40016 outbound 1:0\n"
		       "  udp established 40016>53 outbound -\n"
		       "40018 listener! 1:0\n"
		       "  udp close 40018>0 listener +\n"
		       "7 empty\n");
}

static void where_nothing_is_nothing_is_told(void **state)
{
	(void)state;
	write_host();
	assert_result(run("5,40001,50000-50002", 20), 0);
	assert_answers("5 empty\n");
	put_empty(LISTING_TCP_LISTEN);
	/* Nothing was kept, so nothing chosen is asked for. */
	assert_int_equal(
	    listings.asked, 1u << LISTING_TCP | 1u << LISTING_UDP4 | 1u << LISTING_UDP6);
}

static void a_port_may_have_only_remote_sockets(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	workspace_write(&workspace, RESERVED, "444\n");
	assert_result(run("443-444", 20), 0);
	assert_answers("443 free 0:3\n"
		       " /\n"
		       "  tcp established 40008>443 outbound ?\n"
		       "  tcp established 40012>443 outbound ?\n"
		       "  tcp time_wait 40014>443 time_wait ?m\n"
		       "444 reserved 0:1\n"
		       " /\n"
		       "  tcp time_wait 40008>444 time_wait ?m\n"
		       "0 empty\n");
}

/* A connection of a host with itself may have one port at both ends. */
static void a_socket_may_have_the_port_at_both_ends(void **state)
{
	(void)state;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put_socket(SOCKET_ESTABLISHED, 40001, 40001, 7);
	put_socket(SOCKET_ESTABLISHED, 40002, 40003, 8);
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
	assert_result(run("40001-40003", 20), 0);
	assert_answers("40001 outbound 1:1\n"
		       "  tcp established 40001>40001 outbound ?\n"
		       " /\n"
		       "  tcp established 40001>40001 outbound ?\n"
		       "40002 outbound 1:0\n"
		       "  tcp established 40002>40003 outbound ?\n"
		       "40003 free 0:1\n"
		       " /\n"
		       "  tcp established 40002>40003 outbound ?\n"
		       "0 empty\n");
}

static void every_port_asked_for_has_an_answer(void **state)
{
	struct port_answer answer;

	(void)state;
	write_host();
	write_chosen();
	workspace_write(&workspace, RESERVED, "40005,40014\n");
	assert_result(run("40000-40018", 20), 0);
	answer = port_lookup_answer(lookup, 40004);
	assert_int_equal(answer.port, 40004);
	assert_int_equal(answer.state, PORT_STATE_LISTENER);
	assert_int_equal(answer.local.total, 3);
	answer = port_lookup_answer(lookup, 40005);
	assert_int_equal(answer.port, 40005);
	assert_int_equal(answer.state, PORT_STATE_RESERVED);
	assert_int_equal(answer.local.total + answer.remote.total, 0);
	answer = port_lookup_answer(lookup, 40007);
	assert_int_equal(answer.port, 40007);
	assert_int_equal(answer.state, PORT_STATE_FREE);
	/* What is there says more than that it is reserved. */
	assert_int_equal(port_lookup_answer(lookup, 40014).state, PORT_STATE_TIME_WAIT);
	assert_int_equal(port_lookup_answer(lookup, 40000).port, 40000);
	assert_int_equal(port_lookup_answer(lookup, 40018).state, PORT_STATE_LISTENER);
	assert_result(run("1", 20), 0);
	assert_int_equal(port_lookup_answer(lookup, 1).state, PORT_STATE_FREE);
}

static void reuse_goes_by_the_settings(void **state)
{
	const struct record record = {
	    .family = AF_INET,
	    .state = SOCKET_TIME_WAIT,
	    .timer = 3,
	    .expires = 59500,
	    .local = "127.0.0.1",
	    .local_port = 40001,
	    .remote = "127.0.0.1",
	    .remote_port = 443,
	};
	struct record later = record;

	(void)state;
	later.remote_port = 444;
	later.expires = 58000;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put(&record);
	put(&later);
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
	assert_result(run("40001", 20), 0);
	assert_answers("40001 time_wait 2:0\n"
		       "  tcp time_wait 40001>443 time_wait ?\n"
		       "  tcp time_wait 40001>444 time_wait ?m\n"
		       "0 empty\n");
	assert_int_equal(lookup->answers[0].local.list[0].socket.expires_ms, 59500);
	workspace_write(&workspace, "sys/net/ipv4/tcp_tw_reuse", "0\n");
	assert_result(run("40001,443", 20), 0);
	assert_false(lookup->answers[1].local.list[1].reusable);
	/* On the other side as well. */
	assert_false(lookup->answers[0].remote.list[0].reusable);
}

/* Port 40004 of the process 12 listens, and 40005 of it is connected to this host's 443. */
static void write_procfs(void)
{
	static const char header[] =
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	    "timeout inode\n";
	char table[1024];

	snprintf(table, sizeof(table),
	    "%s   0: 0100007F:9C44 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000"
	    "        0 4711 1 0000000000000000 100 0 0 10 0\n"
	    "   1: 0100007F:9C45 0100007F:01BB 01 00000000:00000000 00:00000000 00000000  1000"
	    "        0 4712 1 0000000000000000 100 0 0 10 0\n",
	    header);
	workspace_write(&workspace, "net/tcp", table);
	workspace_write(&workspace, "net/udp", header);
	fake_proc_add(&workspace, 1, "init\n", "", 0);
	fake_proc_add(&workspace, 12, "nginx\n", "nginx", 5);
	fake_proc_open(&workspace, 12, 3, "socket:[4711]");
	/* Not asked for. */
	fake_proc_open(&workspace, 12, 4, "socket:[4712]");
}

/* /proc tells less: neither who chose a port, nor cgroups; but inodes, and so processes. */
static void from_proc_there_are_processes(void **state)
{
	struct port_lookup_options options = options_of(20);
	const struct holding *holding;
	size_t length;

	(void)state;
	write_procfs();
	source.kind = SOURCE_PROCFS;
	source.replay = NULL;
	assert_result(run_with(&options, "40004"), 0);
	assert_answers("40004 listener! 1:0\n"
		       "  tcp listen 40004>0 listener ?\n"
		       "0 empty\n");
	assert_non_null(lookup->processes);
	assert_true(process_search_is_complete(lookup->processes));
	holding = process_search_holdings(lookup->processes, 4711, &length);
	assert_non_null(holding);
	assert_int_equal(length, 1);
	assert_int_equal(holding->pid, 12);
	assert_int_equal(holding->fd, 3);
	assert_null(process_search_holdings(lookup->processes, 4712, &length));
	assert_int_equal(lookup->answers[0].local.list[0].socket.uid, 1000);
	assert_null(lookup->answers[0].local.list[0].cgroup);
	/* As the caller asked. */
	assert_string_equal(searched.procfs, workspace.path);
	assert_number(searched.seconds, 60);
	assert_false(searched.everyone);
	options.everyone = true;
	options.search_seconds = 0.5;
	assert_result(run_with(&options, "40004"), 0);
	assert_number(searched.seconds, 0.5);
	assert_true(searched.everyone);
	/* A host whose /proc hides from us tells its sockets all the same. */
	search_result = -EACCES;
	assert_result(run_with(&options, "40004"), 0);
	assert_null(lookup->processes);
	search_result = -ENOMEM;
	assert_result(run_with(&options, "40004"), -ENOMEM);
	search_result = 0;
	/* The other end's process is looked for as well. */
	assert_result(run_with(&options, "443"), 0);
	assert_non_null(process_search_holdings(lookup->processes, 4712, &length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(both_sides_of_a_port_are_told),
	    TEST(the_remote_side_can_be_left_out),
	    TEST(a_range_has_answers_where_it_has_sockets),
	    TEST(where_nothing_is_nothing_is_told),
	    TEST(a_port_may_have_only_remote_sockets),
	    TEST(a_socket_may_have_the_port_at_both_ends),
	    TEST(every_port_asked_for_has_an_answer),
	    TEST(reuse_goes_by_the_settings),
	    TEST(from_proc_there_are_processes),
	};

	return cmocka_run_group_tests_name("port_lookup", tests, NULL, NULL);
}
