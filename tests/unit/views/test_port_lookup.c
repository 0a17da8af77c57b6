// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collect.h"
#include "collectors/kernel/dumpfile.h"
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

/* More sockets than places, in an order that is none: the first ones in theirs are kept. */
static void the_first_in_order_are_kept(void **state)
{
	static const struct {
		uint8_t state;
		int family;
		const char *remote;
		uint16_t remote_port;
		const char *local;
		uint32_t interface;
		uint32_t inode;
	} ordered[] = {
	    {SOCKET_BOUND, AF_INET, NULL, 0, "127.0.0.1", 0, 100},
	    {SOCKET_BOUND, AF_INET, NULL, 0, "127.0.0.2", 0, 101},
	    {SOCKET_BOUND, AF_INET6, NULL, 0, "::1", 0, 102},
	    {SOCKET_BOUND, AF_INET6, NULL, 0, "::1", 5, 102},
	    {SOCKET_SYN_SENT, AF_INET, "9.0.0.1", 3, "127.0.0.9", 9, 103},
	    {SOCKET_ESTABLISHED, AF_INET, "10.0.0.1", 1, "127.0.0.1", 0, 104},
	    {SOCKET_ESTABLISHED, AF_INET, "10.0.0.1", 2, "127.0.0.1", 0, 104},
	    {SOCKET_CLOSE_WAIT, AF_INET, "10.0.0.1", 2, "127.0.0.3", 0, 104},
	    {SOCKET_FIN_WAIT1, AF_INET, "10.0.0.1", 2, "127.0.0.3", 1, 9},
	    {SOCKET_FIN_WAIT2, AF_INET, "10.0.0.1", 2, "127.0.0.3", 1, 10},
	    {SOCKET_ESTABLISHED, AF_INET, "10.0.0.2", 1, "127.0.0.1", 0, 1},
	    {SOCKET_ESTABLISHED, AF_INET6, "2001:db8::1", 1, "::1", 0, 1},
	    {SOCKET_TIME_WAIT, AF_INET, "8.0.0.1", 1, "127.0.0.1", 0, 0},
	    {SOCKET_TIME_WAIT, AF_INET6, "2001:db8::1", 1, "::1", 0, 0},
	};
	/* 5 and 14 have no divisor in common: each comes once. */
	const size_t step = 5;

	(void)state;
	begin(LISTING_TCP_LISTEN);
	put_socket(SOCKET_LISTEN, 40001, 0, 999);
	end(0);
	begin(LISTING_TCP);
	for (size_t i = 0; i < LENGTH(ordered); i++) {
		const size_t at = (3 + i * step) % LENGTH(ordered);
		const struct record record = {
		    .family = ordered[at].family,
		    .state = ordered[at].state,
		    .local = ordered[at].local,
		    .local_port = 40001,
		    .remote = ordered[at].remote,
		    .remote_port = ordered[at].remote_port,
		    .interface = ordered[at].interface,
		    .inode = ordered[at].inode,
		};

		put(&record);
	}
	end(0);
	begin(LISTING_UDP4);
	put_socket(SOCKET_CLOSE, 40001, 0, 5);
	end(0);
	put_empty(LISTING_UDP6);
	for (size_t limit = 1; limit <= 18; limit++) {
		const struct port_side *side;

		assert_result(run("40001", limit), 0);
		side = &lookup->answers[0].local;
		assert_int_equal(side->total, LENGTH(ordered) + 2);
		assert_int_equal(side->length, limit < 16 ? limit : 16);
		assert_int_equal(side->list[0].socket.inode, 999);
		for (size_t i = 1; i < side->length; i++) {
			/* UDP that may be a service comes after TCP's binds, before connections. */
			const struct socket *socket = &side->list[i].socket;
			const size_t at = i <= 4 ? i - 1 : i - 2;

			if (i == 5) {
				assert_int_equal(socket->protocol, SOCKET_UDP);
				continue;
			}
			assert_int_equal(socket->state, ordered[at].state);
			assert_int_equal(socket->inode, ordered[at].inode);
			assert_int_equal(socket->interface, ordered[at].interface);
			assert_int_equal(socket->remote_port, ordered[at].remote_port);
		}
	}
}

static void totals_count_what_is_not_kept(void **state)
{
	(void)state;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	for (uint16_t i = 0; i < 3001; i++)
		put_socket(SOCKET_ESTABLISHED, 40001, (uint16_t)(6001 - i), 1u + i);
	for (uint16_t i = 0; i < 907; i++)
		put_socket(SOCKET_ESTABLISHED, (uint16_t)(41000 + i), 40001, 9001u + i);
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
	assert_result(run("40001", 7), 0);
	assert_int_equal(lookup->answers[0].local.total, 3001);
	assert_int_equal(lookup->answers[0].local.length, 7);
	assert_int_equal(lookup->answers[0].remote.total, 907);
	assert_int_equal(lookup->answers[0].remote.length, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(lookup->answers[0].local.list[i].socket.remote_port, 3001 + i);
		assert_int_equal(lookup->answers[0].remote.list[i].socket.local_port, 41000 + i);
	}
}

/* What is counted only says what the port is all the same, where it says most. */
static void a_chosen_socket_that_is_not_kept_counts(void **state)
{
	(void)state;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put_socket(SOCKET_ESTABLISHED, 40001, 443, 1);
	put_socket(SOCKET_ESTABLISHED, 40001, 444, 2);
	put_socket(SOCKET_ESTABLISHED, 40003, 443, 3);
	end(0);
	begin(LISTING_UDP4);
	put_socket(SOCKET_CLOSE, 40001, 0, 4);
	end(0);
	put_empty(LISTING_UDP6);
	put_empty(LISTING_TCP_BINDS_CHOSEN);
	begin(LISTING_TCP_CHOSEN);
	put_socket(SOCKET_ESTABLISHED, 40001, 444, 2);
	/* One that came since, on a port where all are kept. */
	put_socket(SOCKET_ESTABLISHED, 40003, 444, 9);
	/* And one on a port that nothing was on. */
	put_socket(SOCKET_ESTABLISHED, 40005, 444, 10);
	end(0);
	put_empty(LISTING_UDP4_CHOSEN);
	put_empty(LISTING_UDP6_CHOSEN);
	assert_result(run("40001-40005", 1), 0);
	assert_answers("40001 bound 3:0\n"
		       "  udp close 40001>0 outbound -\n"
		       "40003 outbound 1:0\n"
		       "  tcp established 40003>443 outbound -\n"
		       "3 empty\n");
}

/* A busy port of the range has many connections. They must not hide the service on it. */
static void a_udp_server_is_not_lost_among_connections(void **state)
{
	(void)state;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	for (uint16_t i = 0; i < 30; i++)
		put_socket(SOCKET_ESTABLISHED, 51820, (uint16_t)(443 + i), 1u + i);
	end(0);
	begin(LISTING_UDP4);
	put_socket(SOCKET_CLOSE, 51820, 0, 99);
	end(0);
	put_empty(LISTING_UDP6);
	put_empty(LISTING_TCP_CHOSEN);
	begin(LISTING_UDP4_CHOSEN);
	put_socket(SOCKET_CLOSE, 51820, 0, 99);
	end(0);
	put_empty(LISTING_UDP6_CHOSEN);
	assert_result(run("51820", 40), 0);
	assert_int_equal(lookup->answers[0].state, PORT_STATE_LISTENER);
	assert_result(run("51820", 20), 0);
	assert_int_equal(lookup->answers[0].local.total, 31);
	assert_int_equal(lookup->answers[0].state, PORT_STATE_LISTENER);
}

static void a_chosen_socket_is_the_very_same(void **state)
{
	struct record record = {
	    .family = AF_INET,
	    .state = SOCKET_ESTABLISHED,
	    .local = "127.0.0.1",
	    .local_port = 40001,
	    .remote = "192.0.2.9",
	    .remote_port = 443,
	    .inode = 7,
	};

	(void)state;
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put(&record);
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
	begin(LISTING_TCP_CHOSEN);
	record.inode = 8;
	put(&record);
	record.inode = 7;
	record.remote = "192.0.2.10";
	put(&record);
	record.remote = "192.0.2.9";
	record.remote_port = 444;
	put(&record);
	record.remote_port = 443;
	record.local = "127.0.0.2";
	put(&record);
	record.local = "127.0.0.1";
	record.local_port = 40002;
	put(&record);
	end(0);
	assert_result(run("40001-40002", 20), 0);
	assert_answers("40001 outbound 1:0\n"
		       "  tcp established 40001>443 outbound -\n"
		       "1 empty\n");
}

static void where_it_is_not_told_who_chose_that_is_unknown(void **state)
{
	(void)state;
	write_host();
	assert_result(run("40004-40018", 20), 0);
	assert_int_equal(lookup->length, 8);
	for (size_t i = 0; i < lookup->length; i++)
		for (size_t j = 0; j < lookup->answers[i].local.length; j++)
			assert_int_equal(lookup->answers[i].local.list[j].chosen, CHOSEN_UNKNOWN);
	/* A UDP socket that may be a server is none then. */
	assert_int_equal(port_lookup_answer(lookup, 40018).state, PORT_STATE_OUTBOUND);
	assert_int_equal(port_lookup_answer(lookup, 40012).state, PORT_STATE_OUTBOUND);
	assert_int_equal(port_lookup_answer(lookup, 40004).state, PORT_STATE_LISTENER);
}

/* Each of them for itself: UDP's may be there where TCP's is not. */
static void one_chosen_listing_may_be_missing(void **state)
{
	(void)state;
	write_host();
	begin(LISTING_UDP4_CHOSEN);
	put_socket(SOCKET_CLOSE, 40018, 0, 10);
	end(0);
	assert_result(run("40012-40018", 20), 0);
	assert_answers("40012 outbound 1:0\n"
		       "  tcp established 40012>443 outbound ?\n"
		       "40014 time_wait 1:0\n"
		       "  tcp time_wait 40014>443 time_wait ?m\n"
		       "40016 outbound 1:0\n"
		       "  udp established 40016>53 outbound -\n"
		       "40018 listener! 1:0\n"
		       "  udp close 40018>0 listener +\n"
		       "3 empty\n");
}

static void chosen_ports_are_asked_for_where_it_matters(void **state)
{
	const unsigned always = 1u << LISTING_TCP | 1u << LISTING_UDP4 | 1u << LISTING_UDP6;
	const unsigned udp = 1u << LISTING_UDP4_CHOSEN | 1u << LISTING_UDP6_CHOSEN;

	(void)state;
	write_host();
	write_chosen();
	/* A listener without connections. */
	assert_result(run("80", 20), 0);
	assert_int_equal(listings.asked, always | 1u << LISTING_TCP_BINDS_CHOSEN);
	listings.asked = 0;
	assert_result(run("40004", 20), 0);
	assert_int_equal(listings.asked,
	    always | 1u << LISTING_TCP_BINDS_CHOSEN | 1u << LISTING_TCP_CHOSEN | udp);
	listings.asked = 0;
	assert_result(run("40012", 20), 0);
	assert_int_equal(listings.asked, always | 1u << LISTING_TCP_CHOSEN);
	listings.asked = 0;
	assert_result(run("53", 20), 0);
	assert_int_equal(listings.asked, always | udp);
	listings.asked = 0;
	assert_result(run("443", 20), 0);
	assert_int_equal(listings.asked, always);
	assert_int_equal(
	    listings.sides[LISTING_TCP], (unsigned)PORT_FILTER_LOCAL | PORT_FILTER_REMOTE);
	assert_int_equal(
	    listings.sides[LISTING_TCP_CHOSEN], (unsigned)PORT_FILTER_LOCAL | PORT_FILTER_REMOTE);
}

/* A listener that the kernel gave a port has another one at its next start. */
static void a_listener_lasts_unless_the_kernel_picked_its_port(void **state)
{
	(void)state;
	begin(LISTING_TCP_LISTEN);
	put_socket(SOCKET_LISTEN, 40001, 0, 1);
	put_socket(SOCKET_LISTEN, 40002, 0, 2);
	put_socket(SOCKET_LISTEN, 40003, 0, 3);
	put_socket(SOCKET_LISTEN, 40003, 0, 4);
	end(0);
	put_empty(LISTING_TCP);
	begin(LISTING_UDP4);
	put_socket(SOCKET_CLOSE, 40001, 0, 5);
	put_socket(SOCKET_CLOSE, 40005, 0, 6);
	end(0);
	put_empty(LISTING_UDP6);
	/* Not told who chose: then it is taken to last, but a UDP socket to be no service. */
	assert_result(run("40001-40005", 20), 0);
	assert_true(port_lookup_answer(lookup, 40001).has_lasting_listener);
	assert_true(port_lookup_answer(lookup, 40002).has_lasting_listener);
	assert_false(port_lookup_answer(lookup, 40004).has_lasting_listener);
	assert_false(port_lookup_answer(lookup, 40005).has_lasting_listener);
	begin(LISTING_TCP_BINDS_CHOSEN);
	put_socket(SOCKET_LISTEN, 40002, 0, 2);
	put_socket(SOCKET_LISTEN, 40003, 0, 4);
	end(0);
	begin(LISTING_UDP4_CHOSEN);
	put_socket(SOCKET_CLOSE, 40005, 0, 6);
	end(0);
	put_empty(LISTING_UDP6_CHOSEN);
	/* Of two on one port it is enough that one lasts, be it kept or not. */
	for (size_t limit = 1; limit <= 2; limit++) {
		assert_result(run("40001-40005", limit), 0);
		assert_false(port_lookup_answer(lookup, 40001).has_lasting_listener);
		assert_true(port_lookup_answer(lookup, 40002).has_lasting_listener);
		assert_true(port_lookup_answer(lookup, 40003).has_lasting_listener);
		assert_true(port_lookup_answer(lookup, 40005).has_lasting_listener);
	}
}

/* /proc tells less: neither who chose a port, nor cgroups; but inodes, and so processes. */
static void from_proc_there_are_processes(void **state)
{
	static const char header[] =
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	    "timeout inode\n";
	struct port_lookup_options options = options_of(20);
	char table[1024];
	const struct holding *holding;
	size_t length;

	(void)state;
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
	    TEST(the_first_in_order_are_kept),
	    TEST(totals_count_what_is_not_kept),
	    TEST(a_chosen_socket_that_is_not_kept_counts),
	    TEST(a_udp_server_is_not_lost_among_connections),
	    TEST(a_chosen_socket_is_the_very_same),
	    TEST(where_it_is_not_told_who_chose_that_is_unknown),
	    TEST(one_chosen_listing_may_be_missing),
	    TEST(chosen_ports_are_asked_for_where_it_matters),
	    TEST(a_listener_lasts_unless_the_kernel_picked_its_port),
	    TEST(from_proc_there_are_processes),
	};

	return cmocka_run_group_tests_name("port_lookup", tests, NULL, NULL);
}
