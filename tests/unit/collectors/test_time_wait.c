// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "collect.h"
#include "mib_texts.h"
#include "unit.h"
#include "workspace.h"

extern const struct collector time_wait_collector;
extern const struct collector churn_collector;

#define MAXIMUM "sys/net/ipv4/tcp_max_tw_buckets"

static struct workspace workspace;
static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "net/netstat", netstat_6_18);
	workspace_write(&workspace, "net/snmp", snmp_6_18);
	workspace_write(&workspace, MAXIMUM, "262144\n");
	collect_open(&collect, &time_wait_collector, NULL, workspace.path, "/nonexistent");
	return collect_begin(&collect, &facts);
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	workspace_remove(&workspace);
	return 0;
}

static void expiring(uint32_t milliseconds)
{
	struct socket socket = make_socket(SOCKET_TIME_WAIT, "127.0.0.1", 40000, "127.0.0.1", 443);

	socket.expires_ms = milliseconds;
	collect_socket(&collect, &socket);
}

#define BUCKETS(first, second, third, fourth)                                             \
	"time_wait_sockets under_15s: " #first "\ntime_wait_sockets 15s_to_30s: " #second \
	"\ntime_wait_sockets 30s_to_45s: " #third "\ntime_wait_sockets over_45s: " #fourth "\n"

/* TW is 1011 and TWKilled 1013. */
#define TOTALS                              \
	"time_wait_limit_sockets: 262144\n" \
	"time_wait_entered_total: 2024\n"   \
	"time_wait_recycled_total: 1012\n"  \
	"time_wait_overflows_total: 1078\n"

static void buckets_begin_at_their_first_millisecond(void **state)
{
	static const uint32_t edges[] = {
	    0, 1, 14999, 15000, 15001, 29999, 30000, 44999, 45000, 59999, 60000, 60001, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < LENGTH(edges); i++)
		expiring(edges[i]);
	assert_emitted(&collect, BUCKETS(3, 3, 2, 5) TOTALS);
	assert_result(collect_begin(&collect, &facts), 0);
	expiring(14999);
	assert_emitted(&collect, BUCKETS(1, 0, 0, 0) TOTALS);
	assert_result(collect_begin(&collect, &facts), 0);
	expiring(15000);
	assert_emitted(&collect, BUCKETS(0, 1, 0, 0) TOTALS);
}

static void nothing_is_four_zeros(void **state)
{
	(void)state;
	assert_emitted(&collect, BUCKETS(0, 0, 0, 0) TOTALS);
}

/* FIN_WAIT2 has a timer that frees its port, too, and is no TIME_WAIT to ss. */
static void only_time_wait_is_counted(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		struct socket socket = make_socket((enum socket_state)i, "::1", 40000, "::1", 443);

		socket.expires_ms = 20000;
		collect_socket(&collect, &socket);
	}
	assert_emitted(&collect, BUCKETS(0, 1, 0, 0) TOTALS);
}

static void what_is_not_there_is_left_out(void **state)
{
	(void)state;
	workspace_unlink(&workspace, MAXIMUM);
	workspace_write(&workspace, "net/netstat", "TcpExt: TW TWKilled\nTcpExt: 5 2\n");
	assert_emitted(&collect, BUCKETS(0, 0, 0, 0) "time_wait_entered_total: 7\n");
	workspace_write(&workspace, MAXIMUM, "0\n");
	workspace_write(&workspace, "net/netstat", "TcpExt: TWKilled\nTcpExt: 2\n");
	assert_emitted(&collect, BUCKETS(0, 0, 0, 0) "time_wait_limit_sockets: 0\n");
	workspace_write(&workspace, "net/netstat", "TcpExt: TW\nTcpExt: 5\n");
	assert_emitted(&collect,
	    BUCKETS(0, 0, 0, 0) "time_wait_limit_sockets: 0\ntime_wait_entered_total: 5\n");
	workspace_unlink(&workspace, "net/netstat");
	assert_emitted(&collect, "error -2\n"); /* ENOENT */
}

static void open_churn(void)
{
	collect_close(&collect);
	collect_open(&collect, &churn_collector, NULL, workspace.path, "/nonexistent");
	assert_result(collect_begin(&collect, &facts), 0);
}

static void churn_is_what_the_kernel_counts(void **state)
{
	(void)state;
	open_churn();
	assert_emitted(&collect, "tcp_opens_total active: 1055\n"
				 "tcp_opens_total passive: 1056\n"
				 "tcp_open_failures_total: 1057\n"
				 "tcp_resets_sent_total: 1064\n"
				 "tcp_established_resets_total: 1058\n");
	workspace_write(&workspace, "net/snmp", snmp_2_6_32);
	assert_emitted(&collect, "tcp_opens_total active: 11\n"
				 "tcp_opens_total passive: 13\n"
				 "tcp_open_failures_total: 17\n"
				 "tcp_resets_sent_total: 43\n"
				 "tcp_established_resets_total: 19\n");
}

static void churn_without_a_field_or_a_file(void **state)
{
	(void)state;
	open_churn();
	workspace_write(&workspace, "net/snmp", "Tcp: MaxConn PassiveOpens\nTcp: -1 7\n");
	assert_emitted(&collect, "tcp_opens_total passive: 7\n");
	workspace_write(&workspace, "net/snmp", "Udp: NoPorts\nUdp: 7\n");
	assert_emitted(&collect, "");
	workspace_write(&workspace, "net/snmp", "Tcp: ActiveOpens PassiveOpens\nTcp: 1 -7\n");
	assert_emitted(&collect, "error -74\n"); /* EBADMSG */
	workspace_unlink(&workspace, "net/snmp");
	assert_emitted(&collect, "error -2\n"); /* ENOENT */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(buckets_begin_at_their_first_millisecond),
	    TEST(nothing_is_four_zeros),
	    TEST(only_time_wait_is_counted),
	    TEST(what_is_not_there_is_left_out),
	    TEST(churn_is_what_the_kernel_counts),
	    TEST(churn_without_a_field_or_a_file),
	};

	return cmocka_run_group_tests_name("time_wait", tests, NULL, NULL);
}
