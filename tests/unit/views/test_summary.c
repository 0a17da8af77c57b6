// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/summary.h"

#include <string.h>

#include "collect.h"
#include "unit.h"
#include "workspace.h"

#define MAXIMUM "sys/net/ipv4/tcp_max_tw_buckets"

static struct workspace workspace;
static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, MAXIMUM, "10\n");
	memset(&facts, 0, sizeof(facts));
	facts.settings.range = (struct port_range){40000, 40009};
	portset_add(&facts.settings.reserved, 40005);
	portset_add(&facts.settings.reserved, 20000);
	collect_open(&collect, &summary_view, NULL, workspace.path, "/nonexistent");
	return collect_begin(&collect, &facts);
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	workspace_remove(&workspace);
	return 0;
}

static const struct summary *finish(void)
{
	assert_result(summary_view.finish(collect.state), 0);
	return summary_found(collect.state);
}

static void add(enum socket_state state, uint16_t port)
{
	const struct socket socket = make_socket(state, "10.0.0.1", port, "10.0.0.2", 443);

	collect_socket(&collect, &socket);
}

static void add_udp(uint16_t port, bool chosen)
{
	struct socket socket = make_socket(SOCKET_CLOSE, "10.0.0.1", port, "0.0.0.0", 0);

	socket.protocol = SOCKET_UDP;
	collect_socket(&collect, &socket);
	if (chosen)
		assert_result(summary_view.observe_chosen(collect.state, &socket), 0);
}

static struct socket listener(uint16_t port, uint32_t queue, uint32_t limit)
{
	struct socket socket = make_socket(SOCKET_LISTEN, "0.0.0.0", port, "0.0.0.0", 0);

	socket.queue = queue;
	socket.queue_limit = limit;
	return socket;
}

static void listen_on(uint16_t port, uint32_t queue, uint32_t limit)
{
	const struct socket socket = listener(port, queue, limit);

	collect_socket(&collect, &socket);
}

static void before_the_first_walk_there_is_none(void **state)
{
	(void)state;
	assert_null(summary_found(collect.state));
}

static void a_calm_host(void **state)
{
	const struct summary *found = finish();

	(void)state;
	assert_false(found->has_queue);
	assert_int_equal(found->pool, 9);
	assert_int_equal(found->pool_used[SOCKET_TCP], 0);
	assert_int_equal(found->pool_used[SOCKET_UDP], 0);
	assert_int_equal(found->time_wait, 0);
	assert_int_equal(found->time_wait_limit, 10);
	assert_int_equal(portset_count(&found->at_risk), 0);
}

static void the_pools_have_each_port_of_the_range_once(void **state)
{
	const struct summary *found;

	(void)state;
	add(SOCKET_ESTABLISHED, 40000);
	add(SOCKET_TIME_WAIT, 40000);
	add(SOCKET_TIME_WAIT, 40001);
	/* Reserved, outside, and not its own. */
	add(SOCKET_ESTABLISHED, 40005);
	add(SOCKET_ESTABLISHED, 39999);
	add(SOCKET_SYN_RECV, 40002);
	add_udp(40000, false);
	found = finish();
	assert_int_equal(found->pool_used[SOCKET_TCP], 2);
	assert_int_equal(found->pool_used[SOCKET_UDP], 1);
	assert_int_equal(found->time_wait, 2);
}

static void the_fullest_queue_is_found(void **state)
{
	const struct summary *found;

	(void)state;
	listen_on(80, 3, 127);
	listen_on(443, 5, 9);
	listen_on(22, 5, 9);
	listen_on(8080, 100, 999);
	found = finish();
	assert_true(found->has_queue);
	assert_int_equal(found->queue.local_port, 22);
	assert_true(summary_queue_ratio(&found->queue) == 0.5);
}

static void a_queue_without_a_limit_tells_nothing(void **state)
{
	(void)state;
	listen_on(443, 5, 9);
	listen_on(80, 3, SOCKET_QUEUE_LIMIT_UNKNOWN);
	assert_false(finish()->has_queue);
}

static void services_of_the_range_are_at_risk_unless_reserved(void **state)
{
	struct socket chosen = listener(40003, 0, 9);
	const struct summary *found;

	(void)state;
	listen_on(443, 0, 9);
	listen_on(40001, 0, 9);
	listen_on(40005, 0, 9);
	chosen.tells_chosen = true;
	collect_socket(&collect, &chosen);
	chosen.is_chosen = true;
	chosen.local_port = 40007;
	collect_socket(&collect, &chosen);
	add_udp(40008, true);
	add_udp(40009, false);
	found = finish();
	assert_int_equal(portset_count(&found->at_risk), 3);
	assert_true(portset_has(&found->at_risk, 40001));
	assert_true(portset_has(&found->at_risk, 40007));
	assert_true(portset_has(&found->at_risk, 40008));
}

static void the_limit_of_time_wait_may_be_unknown(void **state)
{
	(void)state;
	workspace_unlink(&workspace, MAXIMUM);
	assert_int_equal(finish()->time_wait_limit, SETTING_ABSENT);
}

static void the_next_walk_begins_anew(void **state)
{
	(void)state;
	listen_on(40001, 5, 9);
	add(SOCKET_TIME_WAIT, 40002);
	finish();
	assert_result(collect_begin(&collect, &facts), 0);
	a_calm_host(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(before_the_first_walk_there_is_none),
	    TEST(a_calm_host),
	    TEST(the_pools_have_each_port_of_the_range_once),
	    TEST(the_fullest_queue_is_found),
	    TEST(a_queue_without_a_limit_tells_nothing),
	    TEST(services_of_the_range_are_at_risk_unless_reserved),
	    TEST(the_limit_of_time_wait_may_be_unknown),
	    TEST(the_next_walk_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
