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

enum { ONLY = 1, UDP = 2, PROCFS = 4 };

static void take(enum socket_state socket_state, const char *address, uint16_t port, int how)
{
	const bool ipv6 = strchr(address, ':');
	struct socket socket =
	    make_socket(socket_state, address, port, ipv6 ? "2001:db8::9" : "192.0.2.9", 443);

	socket.ipv6_only = how & ONLY;
	/* As sock_diag does. */
	socket.tells_ipv6_only =
	    !(how & PROCFS) && (socket_state == SOCKET_LISTEN || socket_state == SOCKET_BOUND ||
				   socket_state == SOCKET_CLOSE);
	socket.protocol = how & UDP ? SOCKET_UDP : SOCKET_TCP;
	collect_socket(&collect, &socket);
}

/* What one protocol's pools are said to lack, of ten ports. */
struct wanted {
	unsigned ipv4;
	unsigned ipv6;
	unsigned ipv6_only; /* of ::, where it leaves IPv4 alone */
	unsigned unsure;
	unsigned untracked;
	const char *list; /* the addresses' lines; NULL: none */
};

static void print_both(FILE *out, const char *format, unsigned tcp, unsigned udp)
{
	fprintf(out, format, "tcp", tcp);
	fprintf(out, format, "udp", udp);
}

static void print_addresses(FILE *out, const char *protocol, const struct wanted *wanted)
{
	fprintf(out, "address_ports %s 0.0.0.0: %u\n", protocol, wanted->ipv4);
	fprintf(out, "address_ports %s ::: %u\n", protocol, wanted->ipv6);
	fputs(wanted->list ? wanted->list : "", out);
}

static void print_worst(
    FILE *out, const char *name, const char *protocol, const struct wanted *wanted, double capacity)
{
	fprintf(out, "%s %s ipv4: %.17g\n", name, protocol, wanted->ipv4 / capacity);
	fprintf(out, "%s %s ipv6: %.17g\n", name, protocol, wanted->ipv6 / capacity);
}

static void assert_both(struct wanted tcp, struct wanted udp, unsigned capacity)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print_addresses(out, "tcp", &tcp);
	print_addresses(out, "udp", &udp);
	print_both(out, "ipv6_only_address_ports %s: %u\n", tcp.ipv6_only, udp.ipv6_only);
	print_both(out, "unsure_address_ports %s: %u\n", tcp.unsure, udp.unsure);
	fputs("bind_ipv6_only: 0\n", out);
	print_worst(out, "worst_address_ports", "tcp", &tcp, 1);
	print_worst(out, "worst_address_ports", "udp", &udp, 1);
	print_worst(out, "worst_address_usage_ratio", "tcp", &tcp, capacity);
	print_worst(out, "worst_address_usage_ratio", "udp", &udp, capacity);
	print_both(out, "untracked_address_sockets %s: %u\n", tcp.untracked, udp.untracked);
	fclose(out);
	assert_emitted(&collect, text);
	free(text);
}

static void assert_tcp(struct wanted tcp)
{
	assert_both(tcp, (struct wanted){0}, 10);
}

static void nothing_is_taken_at_first(void **state)
{
	(void)state;
	assert_tcp((struct wanted){0});
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
	assert_tcp((struct wanted){
	    4, 4, .list = "address_ports tcp 127.0.0.2: 3\naddress_ports tcp 127.0.0.1: 2\n"});
}

static void a_wildcard_counts_for_every_address(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "0.0.0.0", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40001, 0);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	/* A client of the listener takes nothing more. */
	take(SOCKET_ESTABLISHED, "192.0.2.1", 40000, 0);
	assert_tcp((struct wanted){
	    3, 3, 1, 1, .list = "address_ports tcp 127.0.0.1: 2\naddress_ports tcp ::1: 1\n"});
}

static void a_dual_stack_wildcard_counts_for_both_families(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40001, 0);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	assert_tcp((struct wanted){
	    3, 3, 2, 1, .list = "address_ports tcp 127.0.0.1: 2\naddress_ports tcp ::1: 2\n"});
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
	assert_tcp((struct wanted){
	    1, 4, 3, .list = "address_ports tcp ::1: 3\naddress_ports tcp 127.0.0.1: 1\n"});
}

static void what_connect_chose_is_not_ipv6_only(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::1", 40001, ONLY);
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	/* The same port on another address is no connection of that listener. */
	take(SOCKET_ESTABLISHED, "2001:db8::1", 40001, 0);
	assert_tcp((struct wanted){
	    2, 2, 2, 2, .list = "address_ports tcp ::1: 2\naddress_ports tcp 2001:db8::1: 1\n"});
}

/* Neither bars the other: ipv6_rcv_saddr_equal(). */
static void an_ipv6_only_wildcard_and_ipv4_do_not_meet(void **state)
{
	(void)state;
	take(SOCKET_BOUND, "::", 40000, ONLY);
	take(SOCKET_BOUND, "0.0.0.0", 40001, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, 0);
	take(SOCKET_BOUND, "::", 40003, 0);
	take(SOCKET_BOUND, "::1", 40004, ONLY);
	assert_tcp((struct wanted){
	    3, 5, 3, .list = "address_ports tcp 127.0.0.1: 3\naddress_ports tcp ::1: 3\n"});
}

static void what_only_ipv6_sockets_may_hold_is_unsure(void **state)
{
	(void)state;
	take(SOCKET_ESTABLISHED, "::1", 40000, 0);
	take(SOCKET_TIME_WAIT, "::1", 40001, 0);
	/* Somebody else has these for sure. */
	take(SOCKET_ESTABLISHED, "::1", 40002, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, 0);
	take(SOCKET_LISTEN, "::", 40003, 0);
	take(SOCKET_ESTABLISHED, "::1", 40003, 0);
	assert_tcp((struct wanted){
	    4, 4, 4, 2, .list = "address_ports tcp ::1: 4\naddress_ports tcp 127.0.0.1: 2\n"});
}

static void of_proc_net_every_ipv6_socket_is_unsure(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, PROCFS);
	take(SOCKET_LISTEN, "::1", 40001, PROCFS);
	take(SOCKET_LISTEN, "0.0.0.0", 40002, PROCFS);
	assert_tcp((struct wanted){3, 3, 2, 2, .list = "address_ports tcp ::1: 2\n"});
}

static void the_setting_is_told_where_there_is_one(void **state)
{
	char *text;

	(void)state;
	collect.facts.settings.bind_ipv6_only = 1;
	text = collect_emit(&collect);
	assert_non_null(strstr(text, "bind_ipv6_only: 1\n"));
	free(text);
	collect.facts.settings.bind_ipv6_only = SETTING_ABSENT;
	text = collect_emit(&collect);
	assert_null(strstr(text, "bind_ipv6_only"));
	free(text);
}

static void ports_outside_the_pool_do_not_count(void **state)
{
	(void)state;
	portset_add(&collect.facts.settings.reserved, 40009);
	portset_add(&collect.facts.settings.reserved, 50000);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 39999, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40010, 0);
	take(SOCKET_LISTEN, "0.0.0.0", 40009, 0);
	/* A request has its listener's port. */
	take(SOCKET_SYN_RECV, "127.0.0.1", 40005, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40000, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40008, 0);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40007, 0);
	/* 3 of 9. */
	assert_both((struct wanted){3, 3, .list = "address_ports tcp 127.0.0.1: 3\n"},
	    (struct wanted){0}, 9);
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
	assert_both((struct wanted){0},
	    (struct wanted){3, 5, 3, 1,
		.list = "address_ports udp ::1: 3\naddress_ports udp 127.0.0.1: 2\naddress_ports "
			"udp 127.0.0.6: 2\n"},
	    10);
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
	assert_tcp((struct wanted){
	    4, 4, .list = "address_ports tcp 127.0.0.3: 2\naddress_ports tcp 127.0.0.1: 1\n"});
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
	assert_tcp((struct wanted){5, 5, .untracked = 2,
	    .list = "address_ports tcp 127.0.0.1: 2\naddress_ports tcp 127.0.0.2: 1\n"});
}

static void a_new_scrape_forgets_the_last_one(void **state)
{
	(void)state;
	take(SOCKET_LISTEN, "::", 40000, ONLY);
	take(SOCKET_LISTEN, "::1", 40001, ONLY);
	take(SOCKET_ESTABLISHED, "127.0.0.1", 40002, 0);
	assert_result(collect_begin(&collect, &facts), 0);
	assert_tcp((struct wanted){0});
	/* That a listener was IPv6-only, too. */
	take(SOCKET_ESTABLISHED, "::1", 40000, 0);
	take(SOCKET_ESTABLISHED, "::1", 40001, 0);
	assert_tcp((struct wanted){2, 2, 2, 2, .list = "address_ports tcp ::1: 2\n"});
}

static void where_all_is_reserved_nothing_is_left(void **state)
{
	char *text;

	(void)state;
	portset_add_range(&collect.facts.settings.reserved, collect.facts.settings.range);
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
	    TEST(an_ipv6_only_wildcard_and_ipv4_do_not_meet),
	    TEST(what_only_ipv6_sockets_may_hold_is_unsure),
	    TEST(of_proc_net_every_ipv6_socket_is_unsure),
	    TEST(the_setting_is_told_where_there_is_one),
	    TEST(ports_outside_the_pool_do_not_count),
	    TEST(udp_has_pools_of_its_own),
	    TEST(the_limit_shows_the_fullest),
	    TEST(beyond_the_tracked_limit_only_the_wildcards_count),
	    TEST(a_new_scrape_forgets_the_last_one),
	    TEST(where_all_is_reserved_nothing_is_left),
	};

	return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
