// SPDX-License-Identifier: Apache-2.0
/* Work that hangs. */
#include "exporter/scrape/single_flight.h"

#include <time.h>

#include "flight_work.h"
#include "unit.h"

/* The work may have been told of, and not be over yet; the test's own time-out ends the wait. */
static void wait_until_alive(double seconds)
{
	while (!single_flight_is_alive(sharing, seconds)) {
		const struct timespec nap = {.tv_nsec = 1000000};

		nanosleep(&nap, NULL);
	}
}

static void who_does_nothing_is_alive(void **state)
{
	struct bits one;

	(void)state;
	assert_true(single_flight_is_alive(sharing, 0));
	allow(1);
	assert_result(single_flight_start(sharing), 0);
	submit(&one, 1, 60);
	wait_for(&host.finished, 1);
	atomic_store(&ahead, 1000000);
	wait_until_alive(0);
	atomic_store(&ahead, 2000000);
	assert_true(single_flight_is_alive(sharing, 0));
}

static void work_hangs_that_outlasts_every_deadline(void **state)
{
	struct bits hasty, patient;

	(void)state;
	host.mute = true;
	submit(&hasty, 1, 10);
	submit(&patient, 1, 40);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&host.begun, 1);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 39);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 44);
	assert_true(single_flight_is_alive(sharing, 5));
	assert_true(single_flight_is_alive(sharing, 50));
	atomic_store(&ahead, 46);
	assert_false(single_flight_is_alive(sharing, 5));
	assert_true(single_flight_is_alive(sharing, 50));
	/* It may come round. */
	allow(1);
	wait_until_alive(5);
}

static void who_joins_gives_work_more_time(void **state)
{
	struct bits first, joined, other;

	(void)state;
	host.mute = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&first, 3, 10);
	wait_for(&host.begun, 1);
	submit(&joined, 1, 30);
	submit(&other, 4, 55); /* waits for the next work */
	atomic_store(&ahead, 34);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 36);
	assert_false(single_flight_is_alive(sharing, 5));
	allow(2);
	wait_for(&other.told, 1);
}

/* A client that asks every few seconds would else hide that it hangs for ever. */
static void but_no_more_than_anyone_waits(void **state)
{
	struct bits bits[4];

	(void)state;
	host.mute = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&bits[0], 1, 60);
	wait_for(&host.begun, 1);
	for (unsigned i = 1; i < LENGTH(bits); i++) {
		atomic_store(&ahead, 20 * i);
		submit(&bits[i], 1, 60);
	}
	atomic_store(&ahead, 64);
	assert_true(single_flight_is_alive(sharing, 5));
	atomic_store(&ahead, 66);
	assert_false(single_flight_is_alive(sharing, 5));
	allow(1);
	wait_for(&host.finished, 1);
}

/* Slow is not hung, however late it is. */
static void work_that_asks_is_alive(void **state)
{
	struct bits hasty;

	(void)state;
	host.stubborn = true;
	assert_result(single_flight_start(sharing), 0);
	submit(&hasty, 1, 0.01);
	wait_for(&hasty.told, 1);
	for (unsigned i = 0; i < 50; i++) {
		pthread_mutex_lock(&host.lock);

		const unsigned asked = host.asked;

		pthread_mutex_unlock(&host.lock);
		/* The first of the two may have looked at the clock before it went ahead. */
		wait_for(&host.asked, asked + 2);
		assert_true(single_flight_is_alive(sharing, 10));
		atomic_fetch_add(&ahead, 11);
	}
	allow(1);
	wait_for(&host.finished, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_does_nothing_is_alive),
	    TEST(work_hangs_that_outlasts_every_deadline),
	    TEST(who_joins_gives_work_more_time),
	    TEST(but_no_more_than_anyone_waits),
	    TEST(work_that_asks_is_alive),
	};

	return cmocka_run_group_tests_name("single_flight_alive", tests, NULL, NULL);
}
