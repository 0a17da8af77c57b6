// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/clock.h"

#include "unit.h"

static void a_point_in_time_is_past_once_it_is_reached(void **state)
{
	static const struct {
		struct timespec now;
		bool past;
	} cases[] = {
	    {{4, 999999999}, false},
	    {{5, 0}, false},
	    {{5, 499999999}, false},
	    {{5, 500000000}, true},
	    {{5, 999999999}, true},
	    {{6, 0}, true},
	    {{6, 499999999}, true},
	};
	const struct timespec time = {5, 500000000};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(clock_is_past(&time, &cases[i].now), cases[i].past);
}

/* Nanoseconds stay below a second, whatever is added. */
static void points_in_time_are_as_far_as_told(void **state)
{
	static const double seconds[] = {0, 1e-9, 0.25, 0.999999, 1, 1.5, 59.75, 3600.999};

	(void)state;
	for (size_t i = 0; i < LENGTH(seconds); i++) {
		const struct timespec before = clock_now();
		const struct timespec then = clock_in(seconds[i]);
		const double far = (double)(then.tv_sec - before.tv_sec) +
				   1e-9 * (double)(then.tv_nsec - before.tv_nsec);

		assert_true(then.tv_nsec >= 0 && then.tv_nsec < 1000000000L);
		/* As much more as passed between the two. */
		assert_true(far > seconds[i] - 1e-8);
		assert_true(far < seconds[i] + clock_seconds_since(&before) + 1e-8);
	}
}

static void seconds_count_from_then(void **state)
{
	struct timespec then = clock_now();

	(void)state;
	assert_true(clock_seconds_since(&then) >= 0);
	then.tv_sec -= 100;
	assert_true(clock_seconds_since(&then) >= 100);
	assert_true(clock_seconds_since(&then) < 160);
	/* At least half a second of nanoseconds away, this way or that. */
	then = clock_now();
	then.tv_sec -= 100;
	then.tv_nsec = then.tv_nsec < 500000000L ? 999999999L : 0;
	assert_true(clock_seconds_since(&then) > 98.9);
	assert_true(clock_seconds_since(&then) < 160);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_point_in_time_is_past_once_it_is_reached),
	    cmocka_unit_test(points_in_time_are_as_far_as_told),
	    cmocka_unit_test(seconds_count_from_then),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
