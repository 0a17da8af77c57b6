// SPDX-License-Identifier: Apache-2.0
/* Which sockets are kept of a port that has more than are asked for. */
#include "collectors/views/port_lookup.h"

#include <sys/socket.h>

#include "lookup_host.h"
#include "messages.h"
#include "unit.h"

/* Sockets in the order in which they are kept. */
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

/* On port 40001. */
static void put_in_disorder(void)
{
	/* 5 and 14 have no divisor in common: each comes once. */
	const size_t step = 5;

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
}

/* More sockets than places, in an order that is none: the first ones in theirs are kept. */
static void the_first_in_order_are_kept(void **state)
{
	(void)state;
	begin(LISTING_TCP_LISTEN);
	put_socket(SOCKET_LISTEN, 40001, 0, 999);
	end(0);
	put_in_disorder();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_in_order_are_kept),
	    TEST(totals_count_what_is_not_kept),
	    TEST(a_udp_server_is_not_lost_among_connections),
	};

	return cmocka_run_group_tests_name("port_lookup_kept", tests, NULL, NULL);
}
