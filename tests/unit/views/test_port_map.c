// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_map.h"

#include "collect.h"
#include "unit.h"

static struct collect collect;
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	facts = (struct facts){.settings = {.range = {.first = 40000, .last = 40010}}};
	collect_open(&collect, &port_map_view, NULL, NULL, "/nonexistent");
	return collect_begin(&collect, &facts);
}

static int tear_down(void **state)
{
	(void)state;
	collect_close(&collect);
	return 0;
}

static void look(enum socket_state state, uint16_t port, uint32_t expires_ms)
{
	struct socket socket = make_socket(state, "127.0.0.1", port, "127.0.0.1", 443);

	socket.expires_ms = expires_ms;
	collect_socket(&collect, &socket);
}

static const struct port_map *finish(void)
{
	assert_result(collect.collector->finish(collect.state), 0);
	return port_map_found(collect.state);
}

static void nothing_is_found_before_a_walk(void **state)
{
	(void)state;
	assert_null(port_map_found(collect.state));
}

static void all_is_free_without_sockets(void **state)
{
	(void)state;
	const struct port_map *map = finish();

	assert_int_equal(map->counts[PORT_STATE_FREE], PORTS);
	assert_int_equal(map->range.first, 40000);
	assert_int_equal(map->range.last, 40010);
}

static void a_second_that_has_begun_counts(void **state)
{
	static const struct {
		uint32_t ms;
		uint16_t seconds;
	} cases[] = {{0, 0}, {1, 1}, {999, 1}, {1000, 1}, {1001, 2}, {59999, 60}, {60000, 60},
	    {65534000, 65534}, {65534001, UINT16_MAX}, {UINT32_MAX, UINT16_MAX}};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		look(SOCKET_TIME_WAIT, (uint16_t)(40000 + i), cases[i].ms);

	const struct port_map *map = finish();

	assert_int_equal(map->counts[PORT_STATE_TIME_WAIT], LENGTH(cases));
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(map->time_wait_seconds[40000 + i], cases[i].seconds);
}

static void the_last_of_several_frees_the_port(void **state)
{
	(void)state;
	look(SOCKET_TIME_WAIT, 40000, 20000);
	look(SOCKET_TIME_WAIT, 40000, 41000);
	look(SOCKET_TIME_WAIT, 40000, 7000);
	assert_int_equal(finish()->time_wait_seconds[40000], 41);
}

/* What else is on the port does not go by that timer, and says what the port is. */
static void another_socket_hides_it(void **state)
{
	(void)state;
	look(SOCKET_TIME_WAIT, 40000, 20000);
	look(SOCKET_ESTABLISHED, 40000, 0);
	/* Its timer frees the port, too, but it is not TIME_WAIT. */
	look(SOCKET_FIN_WAIT2, 40001, 20000);

	const struct port_map *map = finish();

	assert_int_equal(map->states[40000], PORT_STATE_OUTBOUND);
	assert_int_equal(map->states[40001], PORT_STATE_OUTBOUND);
	assert_int_equal(map->counts[PORT_STATE_TIME_WAIT], 0);
}

static void a_walk_forgets_the_one_before(void **state)
{
	(void)state;
	look(SOCKET_TIME_WAIT, 40000, 41000);
	look(SOCKET_TIME_WAIT, 40001, 41000);
	finish();
	assert_result(collect_begin(&collect, &facts), 0);
	/* Until it is over, that of the one before stays. */
	look(SOCKET_TIME_WAIT, 40000, 20000);
	assert_int_equal(port_map_found(collect.state)->time_wait_seconds[40000], 41);

	const struct port_map *map = finish();

	assert_int_equal(map->time_wait_seconds[40000], 20);
	assert_int_equal(map->states[40001], PORT_STATE_FREE);
	assert_int_equal(map->counts[PORT_STATE_TIME_WAIT], 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_found_before_a_walk),
	    TEST(all_is_free_without_sockets),
	    TEST(a_second_that_has_begun_counts),
	    TEST(the_last_of_several_frees_the_port),
	    TEST(another_socket_hides_it),
	    TEST(a_walk_forgets_the_one_before),
	};

	return cmocka_run_group_tests_name("port_map", tests, NULL, NULL);
}
