// SPDX-License-Identifier: Apache-2.0
/* Work that has to wait for its turn, and those who get the last result. */
#include "exporter/scrape/single_flight.h"

#include <errno.h>

#include "collectors/kernel/clock.h"
#include "flight_work.h"
#include "unit.h"

static void what_comes_too_fast_waits_and_shares(void **state)
{
	const struct timespec start = clock_now();
	struct bits fast[2], one, two;

	(void)state;
	limit_to(2);
	allow(100);
	for (size_t i = 0; i < LENGTH(fast); i++) {
		submit(&fast[i], 1, 60);
		wait_for(&fast[i].told, 1);
	}
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 0);
	/* The third would come at once; it waits for half a second, and the fourth joins it. */
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, 0, 3);
	assert_told(&two, 0, 3);
	assert_true(clock_seconds_since(&start) >= 0.5);
	assert_true(clock_seconds_since(&start) < 10);
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 1);
	wait_for(&host.finished, 3);
	assert_int_equal(host.begun, 3);
}

static void who_is_prompt_gets_the_last_result(void **state)
{
	struct bits first, slow, prompt, more;

	(void)state;
	limit_to(1);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	/* As if the next turn were far away. */
	atomic_store(&ahead, -1000);
	submit(&slow, 1, 3600);
	submit_prompt(&more, 4);
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 3);
	assert_int_equal(slow.told + more.told, 0);
	assert_int_equal(host.begun, 1);
	assert_int_equal(host.finished, 0);
	/* The others share the next work; it is not for the one that was told. */
	atomic_store(&ahead, 0);
	wait_for(&slow.told, 1);
	wait_for(&more.told, 1);
	assert_told(&slow, 0, 5);
	assert_told(&more, 0, 5);
	assert_int_equal(prompt.told, 1);
	assert_int_equal(host.begun, 2);
	assert_int_equal(atomic_load(&refusals.counts[REFUSAL_WALKS]), 1);
	/* When the turn has come, it is kept no longer. */
	wait_for(&host.finished, 2);
}

static void who_is_prompt_gets_work_of_its_own_if_there_may_be_some(void **state)
{
	struct bits first, prompt;

	(void)state;
	limit_to(1000);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 1);
	assert_int_equal(host.begun, 2);
}

static void a_failure_is_not_kept(void **state)
{
	struct bits first, prompt;

	(void)state;
	limit_to(1);
	allow(100);
	host.result = -EIO;
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	assert_told(&first, -EIO, 0);
	wait_for(&host.finished, 1);
	host.result = 0;
	submit_prompt(&prompt, 1);
	wait_for(&prompt.told, 1);
	assert_told(&prompt, 0, 1);
	assert_int_equal(host.begun, 2);
}

static void stopping_forgets_what_was_kept(void **state)
{
	struct bits first;

	(void)state;
	limit_to(1);
	allow(100);
	submit(&first, 3, 60);
	wait_for(&first.told, 1);
	atomic_store(&ahead, -1000);
	single_flight_stop(sharing);
	assert_int_equal(host.finished, 1);
}

static void who_waits_for_a_turn_is_told_of_the_end(void **state)
{
	struct bits first, second;

	(void)state;
	limit_to(0.001);
	allow(100);
	(void)first;
	submit(&second, 1, 60);
	single_flight_stop(sharing);
	assert_told(&second, -ESHUTDOWN, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_comes_too_fast_waits_and_shares),
	    TEST(who_is_prompt_gets_the_last_result),
	    TEST(who_is_prompt_gets_work_of_its_own_if_there_may_be_some),
	    TEST(a_failure_is_not_kept),
	    TEST(stopping_forgets_what_was_kept),
	    TEST(who_waits_for_a_turn_is_told_of_the_end),
	};

	return cmocka_run_group_tests_name("single_flight_limit", tests, NULL, NULL);
}
