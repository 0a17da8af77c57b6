// SPDX-License-Identifier: Apache-2.0
/* Services and open queries of a resolver, which look the same one by one. */
#include "collectors/tables/udp_services.h"

#include <time.h>

#include "tests/unit/unit.h"

static struct udp_services *services;
static time_t now; /* what the clock says */
static unsigned shown;
static uint16_t lowest, highest;

/* By the linker, for clock_gettime(). */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	(void)clock;
	*ret_time = (struct timespec){.tv_sec = now};
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	services = udp_services_new();
	now = 1000;
	return services ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	udp_services_free(services);
	return 0;
}

static void note(uint16_t port, uint32_t inode, uint64_t cgroup_id)
{
	udp_services_note(services, &(struct socket){.protocol = SOCKET_UDP,
					.state = SOCKET_CLOSE,
					.local_port = port,
					.inode = inode,
					.cgroup_id = cgroup_id});
}

static void show(void *context, const struct range_listener *listener)
{
	(void)context;
	if (shown++ == 0)
		lowest = listener->port;
	highest = listener->port;
}

/* Ends the look, and returns how many services are in it. */
static unsigned finish(void)
{
	shown = lowest = highest = 0;
	assert_int_equal(udp_services_finish(services, show, NULL), 0);
	return shown;
}

static void few_of_an_owner_are_services_at_once(void **state)
{
	(void)state;
	udp_services_begin(services);
	for (uint16_t i = 0; i < UDP_SERVICES_FEW; i++)
		note((uint16_t)(40000 + i), 1u + i, 7);
	for (uint16_t i = 0; i <= UDP_SERVICES_FEW; i++)
		note((uint16_t)(41000 + i), 11u + i, 8);
	assert_int_equal(finish(), UDP_SERVICES_FEW);
	assert_int_equal(lowest, 40000);
	assert_int_equal(highest, 40000 + UDP_SERVICES_FEW - 1);
}

static void users_and_cgroups_are_owners_apart(void **state)
{
	(void)state;
	udp_services_begin(services);
	for (uint32_t i = 0; i < 3 * UDP_SERVICES_FEW; i++)
		udp_services_note(services, &(struct socket){.protocol = SOCKET_UDP,
						.local_port = (uint16_t)(40000 + i),
						.inode = 1 + i,
						.uid = i % 3 == 0,
						.cgroup_id = 1 + (i % 3 == 1)});
	assert_int_equal(finish(), 3 * UDP_SERVICES_FEW);
}

static void what_stays_is_a_service(void **state)
{
	(void)state;
	for (int look = 0; look < 3; look++) {
		udp_services_begin(services);
		for (uint16_t i = 0; i < 100; i++)
			note((uint16_t)(40000 + i), 1u + i, 7);
		/* In the same moment again says nothing. */
		assert_int_equal(finish(), look < 2 ? 0 : 100);
		now += look;
	}
}

static void queries_are_none_however_often_one_looks(void **state)
{
	uint32_t inode = 1;

	(void)state;
	for (int look = 0; look < 50; look++) {
		udp_services_begin(services);
		/* The same ports by chance, in sockets of their own. */
		for (uint16_t i = 0; i < 50; i++)
			note((uint16_t)(33000 + i), ++inode, 7);
		note(53000, 4711, 7);
		assert_int_equal(finish(), look > 0);
		assert_int_equal(lowest, look > 0 ? 53000 : 0);
		now += 15;
	}
}

/* Three at a time, but they never stay: those that are gone count for their owner. */
static void a_quiet_resolver_is_a_resolver(void **state)
{
	uint32_t inode = 1;

	(void)state;
	for (int look = 0; look < 5; look++) {
		udp_services_begin(services);
		for (uint16_t i = 0; i < 3; i++)
			note((uint16_t)(33000 + inode * 7 + i), inode + i, 7);
		inode += 3;
		assert_int_equal(finish(), look == 0 ? 3 : 0);
		now += 15;
	}
}

static void an_aborted_look_leaves_the_last_one(void **state)
{
	(void)state;
	for (int look = 0; look < 2; look++) {
		udp_services_begin(services);
		for (uint16_t i = 0; i < 9; i++)
			note((uint16_t)(40000 + i), 1u + i, 7);
		if (look == 0)
			assert_int_equal(finish(), 0);
		now += 15;
	}
	udp_services_begin(services);
	for (uint16_t i = 0; i < 9; i++)
		note((uint16_t)(40000 + i), 1u + i, 7);
	assert_int_equal(finish(), 9);
}

/* A flood finds an end, and does not push out what stays. */
static void what_stays_has_a_place_in_a_flood(void **state)
{
	uint32_t inode = 100;

	(void)state;
	for (int look = 0; look < 5; look++) {
		udp_services_begin(services);
		if (look == 0)
			note(50051, 1, 7);
		for (uint32_t i = 0; i < 2 * UDP_SERVICES_MAX; i++, inode++)
			note((uint16_t)(20000 + i), inode, 7);
		if (look)
			note(50051, 1, 7);
		assert_int_equal(finish(), look > 0);
		now += 15;
	}
	assert_int_equal(lowest, 50051);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(few_of_an_owner_are_services_at_once),
	    TEST(users_and_cgroups_are_owners_apart),
	    TEST(what_stays_is_a_service),
	    TEST(queries_are_none_however_often_one_looks),
	    TEST(a_quiet_resolver_is_a_resolver),
	    TEST(an_aborted_look_leaves_the_last_one),
	    TEST(what_stays_has_a_place_in_a_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
