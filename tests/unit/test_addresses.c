// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "unit.h"

extern const struct collector addresses_collector;

static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.settings.range = (struct port_range){40000, 40009};
	collect_open(&collect, &addresses_collector, NULL, "/nonexistent", "/nonexistent");
	return collect_begin(&collect, &facts);
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	return 0;
}

static void again(const unsigned long *flags)
{
	collect_close(&collect);
	collect_open(&collect, &addresses_collector, flags, "/nonexistent", "/nonexistent");
	assert_result(collect_begin(&collect, &facts), 0);
}

enum { ONLY = 1, UDP = 2 };

static void take(enum socket_state socket_state, const char *address, uint16_t port, int how)
{
	const bool ipv6 = strchr(address, ':');
	struct socket socket =
	    make_socket(socket_state, address, port, ipv6 ? "2001:db8::9" : "192.0.2.9", 443);

	socket.ipv6_only = how & ONLY;
	socket.protocol = how & UDP ? SOCKET_UDP : SOCKET_TCP;
	collect_socket(&collect, &socket);
}

/* The two protocols' lines, each of which has the other's at nothing. */
#define NO_LIST(protocol) \
	"address_ports " protocol " 0.0.0.0: 0\naddress_ports " protocol " ::: 0\n"
#define NO_PORTS(protocol) \
	"worst_address_ports " protocol " ipv4: 0\nworst_address_ports " protocol " ipv6: 0\n"
#define NO_RATIO(protocol)                                 \
	"worst_address_usage_ratio " protocol " ipv4: 0\n" \
	"worst_address_usage_ratio " protocol " ipv6: 0\n"

/* ipv4 and ipv6: what the wildcards lack, of ten ports; list: the addresses' lines. */
static void assert_tcp(unsigned ipv4, unsigned ipv6, const char *list)
{
	char *wanted = NULL;

	assert_true(
	    asprintf(&wanted,
		"address_ports tcp 0.0.0.0: %u\naddress_ports tcp ::: %u\n%s" NO_LIST(
		    "udp") "worst_address_ports tcp ipv4: %u\nworst_address_ports tcp ipv6: "
			   "%u\n" NO_PORTS("udp") "worst_address_usage_ratio tcp ipv4: %.17g\n"
						  "worst_address_usage_ratio tcp ipv6: "
						  "%.17g\n" NO_RATIO(
						      "udp") "untracked_address_sockets tcp: "
							     "0\nuntracked_address_sockets udp: "
							     "0\n",
		ipv4, ipv6, list, ipv4, ipv6, ipv4 / 10.0, ipv6 / 10.0) > 0);
	assert_emitted(&collect, wanted);
	free(wanted);
}

static void nothing_is_taken_at_first(void **state)
{
	(void)state;
	assert_tcp(0, 0, "");
}

static void an_ipv4_address_is_a_pool_of_its_own(void **state)
{
	(void)state;
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40001, 0);
	take(SOCKET_TIME_WAIT, "127.0.0.1", 40001, 0);
	take(SOCKET_BOUND, "127.0.0.1", 40002, 0);
	take(SOCKET_LISTEN, "127.0.0.2", 40002, 0);
	take(SOCKET_FIN_WAIT2, "127.0.0.2", 40003, 0);
	take(SOCKET_SYN_SENT, "127.0.0.2", 40004, 0);
	/* Each wildcard lacks what any address lacks: 1, 2, 3 and 4. */
	assert_tcp(4, 4, "address_ports tcp 127.0.0.2: 3\naddress_ports tcp 127.0.0.1: 2\n");
}

static void a_wildcard_counts_for_every_address(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "0.0.0.0", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40001, 0);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	/* A client of the listener takes nothing more. */
	take(SOCKET_ESTABLISHED, "192.0.2.1", 40000, 0);
	assert_tcp(3, 3, "address_ports tcp 127.0.0.1: 2\naddress_ports tcp ::1: 1\n");
}

static void a_dual_stack_wildcard_counts_for_both_families(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40001, 0);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	assert_tcp(3, 3, "address_ports tcp 127.0.0.1: 2\naddress_ports tcp ::1: 2\n");
}

static void what_is_ipv6_only_leaves_ipv4_alone(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, ONLY);
	take(SOCKET_LISTEN, "::1", 40001, ONLY);
	take(SOCKET_BOUND, "::1", 40002, ONLY);
	/* What these listeners accepted is as they are. */
	take(SOCKET_ESTABLISHED, "::1", 40000, 0);
	take(SOCKET_ESTABLISHED, "::1", 40001, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40003, 0);
	/* IPv6's wildcard has every one against it. */
	assert_tcp(1, 4, "address_ports tcp ::1: 3\naddress_ports tcp 127.0.0.1: 1\n");
}

static void what_connect_chose_is_not_ipv6_only(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::1", 40001, ONLY);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	/* The same port on another address is no connection of that listener. */
	take(SOCKET_ESTABLISHED, "2001:db8::1", 40001, 0);
	assert_tcp(2, 2, "address_ports tcp ::1: 2\naddress_ports tcp 2001:db8::1: 1\n");
}

static void ports_outside_the_pool_do_not_count(void **state)
{
	(void)state;
	portset_add(&facts.settings.reserved, 40009);
	portset_add(&facts.settings.reserved, 50000);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 39999, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40010, 0);
	take(SOCKET_LISTEN, "0.0.0.0", 40009, 0);
	/* A request has its listener's port. */
	take(SOCKET_SYN_RECV, "127.0.0.1", 40005, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40008, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40007, 0);
	/* 3 of 9. */
	assert_emitted(&collect,
	    "address_ports tcp 0.0.0.0: 3\naddress_ports tcp ::: 3\n"
	    "address_ports tcp 127.0.0.1: 3\n" NO_LIST(
		"udp") "worst_address_ports tcp ipv4: 3\nworst_address_ports tcp ipv6: "
		       "3\n" NO_PORTS("udp") "worst_address_usage_ratio tcp ipv4: "
					     "0.33333333333333331\n"
					     "worst_address_usage_ratio tcp ipv6: "
					     "0.33333333333333331\n" NO_RATIO(
						 "udp") "untracked_address_sockets tcp: "
							"0\nuntracked_address_sockets udp: 0\n");
}

static void udp_has_pools_of_its_own(void **state)
{
	(void)state;
	take(SOCKET_CLOSE, "0.0.0.0", 40000, UDP);
	take(SOCKET_CLOSE, "::", 40001, UDP | ONLY);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, UDP);
	take(SOCKET_CLOSE, "::1", 40003, UDP | ONLY);
	/* IPv4 finds it on 127.0.0.6. */
	take(SOCKET_ESTABLISHED, "::1", 40004, UDP);
	assert_emitted(&collect,
	    NO_LIST(
		"tcp") "address_ports udp 0.0.0.0: 3\naddress_ports udp ::: 5\n"
		       "address_ports udp ::1: 3\naddress_ports udp 127.0.0.1: 2\n"
		       "address_ports udp 127.0.0.6: 2\n" NO_PORTS(
			   "tcp") "worst_address_ports udp ipv4: 3\nworst_address_ports udp ipv6: "
				  "5\n" NO_RATIO("tcp") "worst_address_usage_ratio udp ipv4: "
							"0.29999999999999999\n"
							"worst_address_usage_ratio udp ipv6: 0.5\n"
							"untracked_address_sockets tcp: "
							"0\nuntracked_address_sockets udp: 0\n");
}

static void the_limit_shows_the_fullest(void **state)
{
	const unsigned long flags[] = {2, 256};

	(void)state;
	again(flags);
	take(SOCKET_ESTABLISHED, "127.0.0.3", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.2", 40001, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.3", 40003, 0);
	/* Of those that are alike the lower address. */
	assert_tcp(4, 4, "address_ports tcp 127.0.0.3: 2\naddress_ports tcp 127.0.0.1: 1\n");
}

static void beyond_the_tracked_limit_only_the_wildcards_count(void **state)
{
	const unsigned long flags[] = {10, 2};

	(void)state;
	again(flags);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.2", 40001, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.3", 40002, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.3", 40003, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40004, 0);
	assert_emitted(&collect,
	    "address_ports tcp 0.0.0.0: 5\naddress_ports tcp ::: 5\n"
	    "address_ports tcp 127.0.0.1: 2\naddress_ports tcp 127.0.0.2: 1\n" NO_LIST(
		"udp") "worst_address_ports tcp ipv4: 5\nworst_address_ports tcp ipv6: "
		       "5\n" NO_PORTS("udp") "worst_address_usage_ratio tcp ipv4: "
					     "0.5\nworst_address_usage_ratio tcp ipv6: "
					     "0.5\n" NO_RATIO("udp") "untracked_address_sockets "
								     "tcp: "
								     "2\nuntracked_address_sockets "
								     "udp: 0\n");
}

static void a_new_scrape_forgets_the_last_one(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, ONLY);
	take(SOCKET_LISTEN, "::1", 40001, ONLY);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, 0);
	assert_result(collect_begin(&collect, &facts), 0);
	assert_tcp(0, 0, "");
	/* That a listener was IPv6-only, too. */
	take(SOCKET_ESTABLISHED, "::1", 40000, 0);
	take(SOCKET_ESTABLISHED, "::1", 40001, 0);
	assert_tcp(2, 2, "address_ports tcp ::1: 2\n");
}

static void where_all_is_reserved_nothing_is_left(void **state)
{
	char *text;

	(void)state;
	portset_add_range(&facts.settings.reserved, facts.settings.range);
	text = collect_emit(&collect);
	assert_non_null(strstr(text, "worst_address_usage_ratio tcp ipv4: 1\n"));
	assert_non_null(strstr(text, "worst_address_usage_ratio udp ipv6: 1\n"));
	free(text);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_taken_at_first),
	    TEST(an_ipv4_address_is_a_pool_of_its_own),
	    TEST(a_wildcard_counts_for_every_address),
	    TEST(a_dual_stack_wildcard_counts_for_both_families),
	    TEST(what_is_ipv6_only_leaves_ipv4_alone),
	    TEST(what_connect_chose_is_not_ipv6_only),
	    TEST(ports_outside_the_pool_do_not_count),
	    TEST(udp_has_pools_of_its_own),
	    TEST(the_limit_shows_the_fullest),
	    TEST(beyond_the_tracked_limit_only_the_wildcards_count),
	    TEST(a_new_scrape_forgets_the_last_one),
	    TEST(where_all_is_reserved_nothing_is_left),
	};

	return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
