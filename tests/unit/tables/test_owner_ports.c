// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/owner_ports.h"

#include <errno.h>

#include "unit.h"

static struct owner_ports *ports;

static int set_up(void **state)
{
	(void)state;
	ports = owner_ports_new();
	return ports ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	owner_ports_free(ports);
	return 0;
}

static void a_pair_is_there_once(void **state)
{
	struct owner_port pair;
	size_t position = 0;

	(void)state;
	assert_false(owner_ports_next(ports, &position, &pair));
	for (int i = 0; i < 3; i++)
		assert_result(owner_ports_add(ports, 7, 40000), 0);
	assert_int_equal(owner_ports_length(ports), 1);
	assert_true(owner_ports_next(ports, &position, &pair));
	assert_int_equal(pair.cgroup_id, 7);
	assert_int_equal(pair.port, 40000);
	assert_false(owner_ports_next(ports, &position, &pair));
}

/* As many as there may be, and each is found again. */
static void it_grows_up_to_its_bound(void **state)
{
	struct owner_port pair;
	size_t position = 0;
	uint64_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < OWNER_PORTS_MAX; i++)
		assert_result(owner_ports_add(ports, 1 + i / 65536, (uint16_t)i), 0);
	assert_int_equal(owner_ports_length(ports), OWNER_PORTS_MAX);
	assert_result(owner_ports_add(ports, 1000, 1), -E2BIG);
	assert_result(owner_ports_add(ports, 1, 1), 0);
	while (owner_ports_next(ports, &position, &pair))
		sum += (pair.cgroup_id - 1) * 65536 + pair.port;
	assert_int_equal(sum, (uint64_t)OWNER_PORTS_MAX * (OWNER_PORTS_MAX - 1) / 2);
}

static void it_forgets(void **state)
{
	struct owner_port pair;
	size_t position = 0;

	(void)state;
	assert_result(owner_ports_add(ports, 7, 40000), 0);
	owner_ports_clear(ports);
	assert_int_equal(owner_ports_length(ports), 0);
	assert_false(owner_ports_next(ports, &position, &pair));
	owner_ports_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_pair_is_there_once),
	    TEST(it_grows_up_to_its_bound),
	    TEST(it_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
