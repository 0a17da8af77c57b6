// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/single_flight.h"

#include <errno.h>

#include "flight_work.h"
#include "unit.h"

static void who_asks_for_what_is_being_done_joins(void **state)
{
	struct bits first, same, other, more;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&first, 3, 60);
	wait_for(&host.begun, 1);
	submit(&same, 1, 60);
	submit(&other, 4, 60);
	submit(&more, 9, 60);
	allow(1);
	wait_for(&same.told, 1);
	wait_for(&first.told, 1);
	assert_told(&first, 0, 3);
	assert_told(&same, 0, 3);
	/* The other two share the next one. */
	wait_for(&host.begun, 2);
	assert_int_equal(other.told + more.told, 0);
	allow(2);
	wait_for(&other.told, 1);
	wait_for(&more.told, 1);
	assert_told(&other, 0, 13);
	assert_told(&more, 0, 13);
	wait_for(&host.finished, 2);
	assert_int_equal(host.begun, 2);
}

static void what_comes_before_the_start_shares_the_first_work(void **state)
{
	struct bits one, two;

	(void)state;
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	allow(1);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, 0, 3);
	assert_told(&two, 0, 3);
}

static void an_error_is_everyones(void **state)
{
	struct bits one, two;

	(void)state;
	host.result = -ENOMEM;
	allow(1);
	submit(&one, 1, 60);
	submit(&two, 2, 60);
	assert_result(single_flight_start(sharing), 0);
	wait_for(&one.told, 1);
	wait_for(&two.told, 1);
	assert_told(&one, -ENOMEM, 0);
	assert_told(&two, -ENOMEM, 0);
}

static void who_is_late_is_told_and_the_others_wait_on(void **state)
{
	struct bits patient, hasty, next;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&patient, 1, 60);
	wait_for(&host.begun, 1);
	submit(&hasty, 1, 0.01);
	submit(&next, 2, 0.01); /* not even begun */
	wait_for(&hasty.told, 1);
	wait_for(&next.told, 1);
	assert_told(&hasty, -ETIMEDOUT, 0);
	assert_told(&next, -ETIMEDOUT, 0);
	assert_int_equal(patient.told, 0);
	allow(1);
	wait_for(&patient.told, 1);
	assert_told(&patient, 0, 1);
	wait_for(&host.finished, 1);
	assert_int_equal(host.begun, 1);
}

static void work_that_nobody_waits_for_is_given_up(void **state)
{
	struct bits hasty, next;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&hasty, 1, 0.01);
	wait_for(&host.finished, 1); /* though it was never allowed to */
	assert_told(&hasty, -ETIMEDOUT, 0);
	allow(2);
	submit(&next, 1, 60);
	wait_for(&next.told, 1);
	assert_told(&next, 0, 1);
}

static void stopping_tells_everyone(void **state)
{
	struct bits running, waiting, after;

	(void)state;
	assert_result(single_flight_start(sharing), 0);
	submit(&running, 1, 60);
	wait_for(&host.begun, 1);
	submit(&waiting, 2, 60);
	single_flight_stop(sharing);
	assert_told(&running, -ESHUTDOWN, 0);
	assert_told(&waiting, -ESHUTDOWN, 0);
	submit(&after, 1, 60);
	assert_told(&after, -ESHUTDOWN, 0);
	assert_int_equal(host.begun, 1);
	assert_int_equal(host.finished, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_asks_for_what_is_being_done_joins),
	    TEST(what_comes_before_the_start_shares_the_first_work),
	    TEST(an_error_is_everyones),
	    TEST(who_is_late_is_told_and_the_others_wait_on),
	    TEST(work_that_nobody_waits_for_is_given_up),
	    TEST(stopping_tells_everyone),
	};

	return cmocka_run_group_tests_name("single_flight", tests, NULL, NULL);
}
