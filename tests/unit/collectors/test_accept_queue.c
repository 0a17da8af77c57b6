// SPDX-License-Identifier: Apache-2.0
/* Queues and limits by hand: full is one more than the limit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "mib_texts.h"
#include "unit.h"
#include "workspace.h"

extern const struct collector accept_queue_collector;

static struct workspace workspace;
static struct collect collect;
static struct facts facts;

#define COUNTERS "listen_overflows_total: 1023\nlisten_drops_total: 1024\n"

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "net/netstat", netstat_6_18);
	collect_open(&collect, &accept_queue_collector, NULL, workspace.path, "/nonexistent");
	return collect_begin(&collect, &facts);
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	workspace_remove(&workspace);
	return 0;
}

static void limit(unsigned long shown)
{
	collect_close(&collect);
	collect_open(&collect, &accept_queue_collector, &shown, workspace.path, "/nonexistent");
	assert_result(collect_begin(&collect, &facts), 0);
}

static void listener(const char *address, uint16_t port, uint32_t queue, uint32_t queue_limit)
{
	struct socket socket =
	    make_socket(SOCKET_LISTEN, address, port, strchr(address, ':') ? "::" : "0.0.0.0", 0);

	socket.queue = queue;
	socket.queue_limit = queue_limit;
	collect_socket(&collect, &socket);
}

static void no_listener_is_no_queue(void **state)
{
	(void)state;
	assert_emitted(&collect, "worst_accept_queue_usage_ratio: 0\n" COUNTERS);
}

static void only_listeners_are_looked_at(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		struct socket socket =
		    make_socket((enum socket_state)i, "127.0.0.1", 80, "127.0.0.1", 443);

		socket.queue = 100;
		if (i != SOCKET_LISTEN)
			collect_socket(&collect, &socket);
	}
	assert_emitted(&collect, "worst_accept_queue_usage_ratio: 0\n" COUNTERS);
}

static void the_fullest_come_first(void **state)
{
	(void)state;
	listener("127.0.0.1", 80, 1, 7);     /* 1/8 */
	listener("0.0.0.0", 443, 3, 3);	     /* 3/4 */
	listener("::", 22, 16, 31);	     /* 1/2 */
	listener("192.0.2.1", 25, 8, 7);     /* full */
	listener("127.0.0.1", 8080, 0, 127); /* empty */
	assert_emitted(&collect, "accept_queue_sockets 192.0.2.1 25: 8\n"
				 "accept_queue_sockets 0.0.0.0 443: 3\n"
				 "accept_queue_sockets :: 22: 16\n"
				 "accept_queue_sockets 127.0.0.1 80: 1\n"
				 "accept_queue_sockets 127.0.0.1 8080: 0\n"
				 "accept_queue_limit_sockets 192.0.2.1 25: 7\n"
				 "accept_queue_limit_sockets 0.0.0.0 443: 3\n"
				 "accept_queue_limit_sockets :: 22: 31\n"
				 "accept_queue_limit_sockets 127.0.0.1 80: 7\n"
				 "accept_queue_limit_sockets 127.0.0.1 8080: 127\n"
				 "worst_accept_queue_usage_ratio: 1\n" COUNTERS);
}

static void alike_ones_are_in_order_of_their_places(void **state)
{
	(void)state;
	listener("::", 80, 0, 7);
	listener("127.0.0.2", 80, 0, 7);
	listener("127.0.0.1", 443, 0, 7);
	listener("127.0.0.1", 80, 0, 127);
	listener("10.0.0.1", 22, 0, 7);
	limit(10);
	listener("127.0.0.1", 443, 0, 7);
	listener("127.0.0.1", 80, 0, 127);
	listener("::", 80, 0, 7);
	listener("10.0.0.1", 22, 0, 7);
	listener("127.0.0.2", 80, 0, 7);
	assert_emitted(&collect, "accept_queue_sockets 10.0.0.1 22: 0\n"
				 "accept_queue_sockets 127.0.0.1 80: 0\n"
				 "accept_queue_sockets 127.0.0.2 80: 0\n"
				 "accept_queue_sockets :: 80: 0\n"
				 "accept_queue_sockets 127.0.0.1 443: 0\n"
				 "accept_queue_limit_sockets 10.0.0.1 22: 7\n"
				 "accept_queue_limit_sockets 127.0.0.1 80: 127\n"
				 "accept_queue_limit_sockets 127.0.0.2 80: 7\n"
				 "accept_queue_limit_sockets :: 80: 7\n"
				 "accept_queue_limit_sockets 127.0.0.1 443: 7\n"
				 "worst_accept_queue_usage_ratio: 0\n" COUNTERS);
}

/* The kernel hands a connection to one of them: one may be full while another is empty. */
static void listeners_that_share_a_port_are_added_up(void **state)
{
	(void)state;
	listener("0.0.0.0", 80, 8, 7);
	listener("127.0.0.1", 80, 2, 3);
	listener("0.0.0.0", 80, 0, 7);
	listener("0.0.0.0", 80, 3, 127);
	assert_emitted(&collect, "accept_queue_sockets 127.0.0.1 80: 2\n"
				 "accept_queue_sockets 0.0.0.0 80: 11\n"
				 "accept_queue_limit_sockets 127.0.0.1 80: 3\n"
				 "accept_queue_limit_sockets 0.0.0.0 80: 141\n"
				 "worst_accept_queue_usage_ratio: 1\n" COUNTERS);
}

static void a_wildcard_is_another_on_another_interface(void **state)
{
	struct socket socket = make_socket(SOCKET_LISTEN, "0.0.0.0", 80, "0.0.0.0", 0);

	(void)state;
	socket.queue_limit = 7;
	for (uint32_t i = 1; i <= 2; i++) {
		socket.interface = 4000000000 + i;
		socket.queue = i;
		collect_socket(&collect, &socket);
	}
	assert_emitted(&collect, "accept_queue_sockets 0.0.0.0%4000000002 80: 2\n"
				 "accept_queue_sockets 0.0.0.0%4000000001 80: 1\n"
				 "accept_queue_limit_sockets 0.0.0.0%4000000002 80: 7\n"
				 "accept_queue_limit_sockets 0.0.0.0%4000000001 80: 7\n"
				 "worst_accept_queue_usage_ratio: 0.25\n" COUNTERS);
}

static void a_link_local_address_is_another_on_another_interface(void **state)
{
	struct socket socket = make_socket(SOCKET_LISTEN, "fe80::1", 80, "::", 0);

	(void)state;
	socket.queue_limit = 7;
	socket.interface = 4000000001;
	socket.queue = 2;
	collect_socket(&collect, &socket);
	socket.interface = 4000000002;
	socket.queue = 3;
	collect_socket(&collect, &socket);
	assert_emitted(&collect, "accept_queue_sockets fe80::1%4000000002 80: 3\n"
				 "accept_queue_sockets fe80::1%4000000001 80: 2\n"
				 "accept_queue_limit_sockets fe80::1%4000000002 80: 7\n"
				 "accept_queue_limit_sockets fe80::1%4000000001 80: 7\n"
				 "worst_accept_queue_usage_ratio: 0.375\n" COUNTERS);
}

static void the_limit_cuts_the_list_and_not_the_worst(void **state)
{
	(void)state;
	limit(1);
	listener("127.0.0.1", 80, 1, 7);
	listener("127.0.0.1", 443, 6, 7);
	assert_emitted(&collect, "accept_queue_sockets 127.0.0.1 443: 6\n"
				 "accept_queue_limit_sockets 127.0.0.1 443: 7\n"
				 "worst_accept_queue_usage_ratio: 0.75\n" COUNTERS);
	limit(0);
	listener("127.0.0.1", 443, 6, 7);
	assert_emitted(&collect, "worst_accept_queue_usage_ratio: 0.75\n" COUNTERS);
}

static void without_a_limit_there_is_no_ratio(void **state)
{
	(void)state;
	listener("127.0.0.1", 80, 2, SOCKET_QUEUE_LIMIT_UNKNOWN);
	listener("127.0.0.1", 443, 5, SOCKET_QUEUE_LIMIT_UNKNOWN);
	listener("127.0.0.1", 80, 2, SOCKET_QUEUE_LIMIT_UNKNOWN);
	assert_emitted(&collect, "accept_queue_sockets 127.0.0.1 443: 5\n"
				 "accept_queue_sockets 127.0.0.1 80: 4\n" COUNTERS);
	/* It is the next scrape's to know better. */
	assert_result(collect_begin(&collect, &facts), 0);
	listener("127.0.0.1", 80, 1, 3);
	assert_emitted(&collect, "accept_queue_sockets 127.0.0.1 80: 1\n"
				 "accept_queue_limit_sockets 127.0.0.1 80: 3\n"
				 "worst_accept_queue_usage_ratio: 0.25\n" COUNTERS);
}

static void numbers_of_32_bits_do_not_wrap(void **state)
{
	(void)state;
	listener("127.0.0.1", 80, UINT32_MAX, UINT32_MAX - 1);
	listener("127.0.0.1", 80, UINT32_MAX, UINT32_MAX - 1);
	assert_emitted(&collect, "accept_queue_sockets 127.0.0.1 80: 8589934590\n"
				 "accept_queue_limit_sockets 127.0.0.1 80: 8589934588\n"
				 "worst_accept_queue_usage_ratio: 1\n" COUNTERS);
}

static void a_new_scrape_forgets_the_last_one(void **state)
{
	(void)state;
	listener("127.0.0.1", 80, 8, 7);
	assert_result(collect_begin(&collect, &facts), 0);
	assert_emitted(&collect, "worst_accept_queue_usage_ratio: 0\n" COUNTERS);
}

static void there_may_be_too_many(void **state)
{
	struct socket socket = make_socket(SOCKET_LISTEN, "127.0.0.1", 0, "0.0.0.0", 0);

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		socket.local_port = (uint16_t)i;
		collect_socket(&collect, &socket);
	}
	assert_result(accept_queue_collector.observe(collect.state, &socket), -E2BIG);
	assert_result(collect_begin(&collect, &facts), 0);
	collect_socket(&collect, &socket);
}

static void counters_that_a_kernel_lacks_are_left_out(void **state)
{
	(void)state;
	workspace_write(&workspace, "net/netstat", "TcpExt: ListenDrops\nTcpExt: 7\n");
	assert_emitted(&collect, "worst_accept_queue_usage_ratio: 0\nlisten_drops_total: 7\n");
	workspace_write(&workspace, "net/netstat", "TcpExt: ListenDrops\nTcpExt: x\n");
	assert_emitted(&collect, "error -74\n"); /* EBADMSG */
	workspace_unlink(&workspace, "net/netstat");
	assert_emitted(&collect, "error -2\n"); /* ENOENT */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(no_listener_is_no_queue),
	    TEST(only_listeners_are_looked_at),
	    TEST(the_fullest_come_first),
	    TEST(alike_ones_are_in_order_of_their_places),
	    TEST(listeners_that_share_a_port_are_added_up),
	    TEST(a_wildcard_is_another_on_another_interface),
	    TEST(a_link_local_address_is_another_on_another_interface),
	    TEST(the_limit_cuts_the_list_and_not_the_worst),
	    TEST(without_a_limit_there_is_no_ratio),
	    TEST(numbers_of_32_bits_do_not_wrap),
	    TEST(a_new_scrape_forgets_the_last_one),
	    TEST(there_may_be_too_many),
	    TEST(counters_that_a_kernel_lacks_are_left_out),
	};

	return cmocka_run_group_tests_name("accept_queue", tests, NULL, NULL);
}
