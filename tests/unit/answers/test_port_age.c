// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_age.h"

#include <string.h>

#include "unit.h"

static struct port_socket connection(uint16_t port, bool known, uint64_t age_ms)
{
	return (struct port_socket){.socket = {.state = SOCKET_ESTABLISHED,
					.local_port = port,
					.tells_age = known,
					.age_ms = age_ms}};
}

static struct port_socket time_wait(uint16_t port, uint32_t expires_ms)
{
	return (struct port_socket){.socket = {
					.state = SOCKET_TIME_WAIT,
					.local_port = port,
					.expires_ms = expires_ms,
				    }};
}

static void time_wait_is_as_old_as_its_timer_says(void **state)
{
	static const uint32_t left[] = {60000, 43200, 0, 70000};
	static const uint32_t ages[] = {0, 16800, 60000, 0};

	(void)state;
	for (size_t i = 0; i < LENGTH(left); i++) {
		const struct port_socket socket = time_wait(1, left[i]);
		uint64_t ms;

		assert_true(port_age_of(&socket, &ms));
		assert_int_equal(ms, ages[i]);
		assert_true(port_age_is_exact(&socket));
	}
}

static void a_connection_is_if_its_source_tells(void **state)
{
	struct port_socket socket = connection(1, false, 0);
	uint64_t ms;

	(void)state;
	assert_false(port_age_of(&socket, &ms));
	socket = connection(1, true, 9001);
	assert_true(port_age_of(&socket, &ms));
	assert_int_equal(ms, 9001);
	assert_false(port_age_is_exact(&socket));
	socket.socket.age_is_exact = true;
	assert_true(port_age_is_exact(&socket));
}

static void words_round_down(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *words;
	} steps[] = {{0, "0 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"}, {7200, "2 h"},
	    {172799, "47 h"}, {172800, "2 days"}, {4294967, "49 days"},
	    {400ull * 86400, "400 days"}};
	char text[PORT_AGE_WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i < LENGTH(steps); i++) {
		port_age_words(steps[i].seconds * 1000 + (i ? 0 : 999), text);
		assert_string_equal(text, steps[i].words);
	}
}

static void the_oldest_come_first(void **state)
{
	struct port_socket list[] = {connection(1, false, 0), connection(2, true, 500),
	    time_wait(3, 30000), connection(4, true, 70000), connection(5, false, 0),
	    connection(6, true, 500)};
	static const uint16_t order[] = {4, 3, 2, 6, 1, 5};
	struct port_side side = {.length = LENGTH(list), .list = list};

	(void)state;
	port_age_sort(&side);
	for (size_t i = 0; i < LENGTH(order); i++)
		assert_int_equal(list[i].socket.local_port, order[i]);
	side = (struct port_side){0};
	port_age_sort(&side);
	assert_int_equal(side.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_wait_is_as_old_as_its_timer_says),
	    cmocka_unit_test(a_connection_is_if_its_source_tells),
	    cmocka_unit_test(words_round_down),
	    cmocka_unit_test(the_oldest_come_first),
	};

	return cmocka_run_group_tests_name("port_age", tests, NULL, NULL);
}
