// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/peer_buckets.h"

#include <string.h>

#include "fake_clock.h"
#include "unit.h"

static struct fair_rate rate;

static struct peer peer_number(unsigned number)
{
	struct peer peer = {{1}, false};

	memcpy(&peer.bytes[1], &number, sizeof(number));
	return peer;
}

static bool take(unsigned number, double burst, double interval)
{
	const struct peer peer = peer_number(number);

	return fair_rate_take(&rate, &peer, burst, interval);
}

static void start(void)
{
	memset(&rate, 0, sizeof(rate));
	now_seconds = 1000;
}

static void one_alone_has_all_of_it(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < 5; i++)
		assert_true(take(1, 5, 2));
	assert_false(take(1, 5, 2));
	now_seconds += 1.9;
	assert_false(take(1, 5, 2));
	now_seconds += 0.2;
	assert_true(take(1, 5, 2));
	assert_false(take(1, 5, 2));
	now_seconds += 1e6;
	for (int i = 0; i < 5; i++)
		assert_true(take(1, 5, 2));
	assert_false(take(1, 5, 2));
}

/* Asks `each` second, beside others that ask for all that they can get. */
static unsigned refused_beside(unsigned others, double burst, double interval, unsigned each)
{
	unsigned refused = 0;

	start();
	for (unsigned step = 0; step < 6000; step++) {
		now_seconds += 0.01;
		for (unsigned i = 0; i < others; i++)
			take(100 + i, burst, interval);
		if (step % (100 * each) == 99)
			refused += !take(1, burst, interval);
	}
	return refused;
}

static void one_that_asks_less_than_its_share_is_never_refused(void **state)
{
	(void)state;
	assert_int_equal(refused_beside(1, 5, 0.1, 1), 0);
	assert_int_equal(refused_beside(4, 5, 0.1, 1), 0);
	assert_int_equal(refused_beside(50, 50, 0.01, 1), 0);
	/* Of one request in three seconds, one in nine is its share. */
	assert_true(refused_beside(2, 1, 3, 1) > 30);
}

/* Whoever asks, and however many they are. */
static void the_rate_of_all_stays(void **state)
{
	unsigned served = 0;

	(void)state;
	start();
	for (unsigned step = 0; step < 10000; step++) {
		now_seconds += 0.01;
		for (unsigned i = 0; i < 20; i++)
			served += take(i, 10, 0.1);
	}
	/* A hundred seconds: a thousand, the burst, and what each had of a share when it came. */
	assert_in_range(served, 1000, 1000 + 10 + 20 + 10);
}

static void many_addresses_have_a_bound(void **state)
{
	unsigned served = 0;

	(void)state;
	start();
	for (unsigned i = 0; i < 5 * PEER_BUCKETS_MAX; i++)
		served += take(i, 1, 3600);
	assert_int_equal(served, PEER_BUCKETS_MAX);
	assert_int_equal(rate.peers.length, PEER_BUCKETS_MAX);
	/* Those whose buckets are full again leave. */
	now_seconds += 3601.0 * PEER_BUCKETS_MAX;
	assert_true(take(0, 1, 3600));
	assert_int_equal(rate.peers.length, 1);
}

static void a_burst_of_one_is_not_held_against_it_for_long(void **state)
{
	(void)state;
	start();
	/* Alone, and beyond its share of later. */
	for (int i = 0; i < 100; i++)
		assert_true(take(1, 100, 1));
	for (unsigned i = 0; i < 9; i++)
		assert_true(take(2 + i, 100, 1));
	assert_false(take(1, 100, 1));
	/* Its share is one in ten seconds. */
	now_seconds += 101;
	assert_true(take(1, 100, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_alone_has_all_of_it),
	    cmocka_unit_test(one_that_asks_less_than_its_share_is_never_refused),
	    cmocka_unit_test(the_rate_of_all_stays),
	    cmocka_unit_test(many_addresses_have_a_bound),
	    cmocka_unit_test(a_burst_of_one_is_not_held_against_it_for_long),
	};

	return cmocka_run_group_tests_name("peer buckets", tests, NULL, NULL);
}
