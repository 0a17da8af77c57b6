// SPDX-License-Identifier: Apache-2.0
/* What a record says. */
#include "collectors/kernel/inet_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <sys/socket.h>

#include "diag_record.h"
#include "unit.h"

static void assert_address(const struct socket_address *found, int family, const char *text)
{
	struct socket_address wanted = {{0}};

	assert_int_equal(inet_pton(family, text, wanted.bytes), 1);
	assert_memory_equal(found, &wanted, sizeof(wanted));
}

static void decodes_every_field(void **state)
{
	const uint64_t cgroup = UINT64_C(0x123456789abcdef0);
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.protocol, SOCKET_TCP);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_int_equal(socket.state, SOCKET_ESTABLISHED);
	assert_int_equal(socket.local_port, 41234);
	assert_int_equal(socket.remote_port, 443);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
	assert_int_equal(socket.interface, 7);
	assert_int_equal(socket.expires_ms, 0);
	assert_int_equal(socket.queue, 0);
	assert_int_equal(socket.queue_limit, 0);
	assert_int_equal(socket.uid, 1009);
	assert_int_equal(socket.inode, 4000000007u);
	assert_int_equal(socket.cookie, UINT64_C(0x123456789));
	assert_int_equal(socket.cgroup_id, cgroup);
}

static void decodes_ipv6(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.family = AF_INET6;
	record.local = "fe80::1234";
	record.remote = "2001:db8::1:2:3";
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV6);
	assert_address(&socket.local, AF_INET6, "fe80::1234");
	assert_address(&socket.remote, AF_INET6, "2001:db8::1:2:3");
	assert_int_equal(socket.cgroup_id, 0);
}

static void an_ipv4_record_has_only_four_bytes_of_address(void **state)
{
	struct socket socket;

	(void)state;
	start(&established);

	/* What the kernel leaves behind them must not become part of a key. */
	struct inet_diag_msg *diag = NLMSG_DATA(messages_at(&messages, 0));

	diag->id.idiag_src[1] = diag->id.idiag_dst[3] = 0xffffffff;
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
}

static void a_mapped_record_is_ipv4(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.family = AF_INET6;
	record.local = "::ffff:10.1.2.3";
	record.remote = "::ffff:192.0.2.9";
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.family, SOCKET_IPV4);
	assert_address(&socket.local, AF_INET, "10.1.2.3");
	assert_address(&socket.remote, AF_INET, "192.0.2.9");
}

static void udp_listings_are_udp(void **state)
{
	static const enum listing udp[] = {
	    LISTING_UDP4, LISTING_UDP6, LISTING_UDP4_CHOSEN, LISTING_UDP6_CHOSEN};
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_CLOSE;
	start(&record);
	for (size_t i = 0; i < LENGTH(udp); i++) {
		assert_result(decode(udp[i], &socket), 0);
		assert_int_equal(socket.protocol, SOCKET_UDP);
		assert_int_equal(socket.state, SOCKET_CLOSE);
	}
}

static void a_tcp_close_is_bound_only(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_CLOSE;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
	assert_result(decode(LISTING_TCP_BOUND, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
	record.state = SOCKET_BOUND;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_BOUND);
}

static void new_syn_recv_is_syn_recv(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_NEW_SYN_RECV;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.state, SOCKET_SYN_RECV);
}

static void every_other_state_is_itself(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	for (uint8_t i = SOCKET_ESTABLISHED; i <= SOCKET_CLOSING; i++) {
		if (i == SOCKET_CLOSE)
			continue;
		record.state = i;
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), 0);
		assert_int_equal(socket.state, i);
	}
}

static void refuses_states_that_do_not_exist(void **state)
{
	static const uint8_t bad[] = {0, SOCKET_STATES, 15, 255};
	struct record record = established;
	struct socket socket;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		record.state = bad[i];
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void refuses_families_that_do_not_exist(void **state)
{
	static const uint8_t bad[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, 255};
	struct socket socket;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		start(&established);
		((struct inet_diag_msg *)NLMSG_DATA(messages_at(&messages, 0)))->idiag_family =
		    bad[i];
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void time_wait_expires_by_its_own_timer_only(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_TIME_WAIT;
	record.expires = 58999;
	for (uint8_t timer = 0; timer <= 4; timer++) {
		record.timer = timer;
		start(&record);
		assert_result(decode(LISTING_TCP, &socket), 0);
		assert_int_equal(socket.state, SOCKET_TIME_WAIT);
		assert_int_equal(socket.expires_ms, timer == 3 ? 58999 : 0);
	}
	/* A retransmission timer's milliseconds are no TIME_WAIT's. */
	record.state = SOCKET_ESTABLISHED;
	record.timer = 1;
	start(&record);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.expires_ms, 0);
}

static void queues_are_those_of_listeners(void **state)
{
	struct record record = established;
	struct socket socket;

	(void)state;
	record.state = SOCKET_LISTEN;
	start(&record);
	assert_result(decode(LISTING_TCP_LISTEN, &socket), 0);
	assert_int_equal(socket.queue, 11);
	assert_int_equal(socket.queue_limit, 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes_every_field),
	    cmocka_unit_test(decodes_ipv6),
	    cmocka_unit_test(an_ipv4_record_has_only_four_bytes_of_address),
	    cmocka_unit_test(a_mapped_record_is_ipv4),
	    cmocka_unit_test(udp_listings_are_udp),
	    cmocka_unit_test(a_tcp_close_is_bound_only),
	    cmocka_unit_test(new_syn_recv_is_syn_recv),
	    cmocka_unit_test(every_other_state_is_itself),
	    cmocka_unit_test(refuses_states_that_do_not_exist),
	    cmocka_unit_test(refuses_families_that_do_not_exist),
	    cmocka_unit_test(time_wait_expires_by_its_own_timer_only),
	    cmocka_unit_test(queues_are_those_of_listeners),
	};

	return cmocka_run_group_tests_name("inet_diag", tests, NULL, NULL);
}
