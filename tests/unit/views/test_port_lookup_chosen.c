// SPDX-License-Identifier: Apache-2.0
/* Who chose a port: the program, by bind(), or the kernel. */
#include "collectors/views/port_lookup.h"

#include <sys/socket.h>

#include "lookup_host.h"
#include "messages.h"
#include "unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_chosen_socket_that_is_not_kept_counts),
	    TEST(a_chosen_socket_is_the_very_same),
	    TEST(where_it_is_not_told_who_chose_that_is_unknown),
	    TEST(one_chosen_listing_may_be_missing),
	    TEST(chosen_ports_are_asked_for_where_it_matters),
	    TEST(a_listener_lasts_unless_the_kernel_picked_its_port),
	};

	return cmocka_run_group_tests_name("port_lookup_chosen", tests, NULL, NULL);
}
