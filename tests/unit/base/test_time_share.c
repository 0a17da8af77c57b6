// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/time_share.h"

#include "fake_clock.h"
#include "unit.h"

/* Works whenever it is allowed to, for that long each time. Returns the seconds of work. */
static double work(struct time_share *share, double once, double seconds)
{
	const double end = now_seconds + seconds;
	double worked = 0;

	while (now_seconds < end) {
		if (!time_share_allows(share, 0.1, 0.5)) {
			now_seconds += 0.01;
			continue;
		}
		now_seconds += once;
		time_share_spend(share, once);
		worked += once;
	}
	return worked;
}

static void at_first_there_is_the_burst(void **state)
{
	struct time_share share = {0};

	(void)state;
	now_seconds = 1000;
	for (int i = 0; i < 4; i++) {
		assert_true(time_share_allows(&share, 0.1, 0.5));
		time_share_spend(&share, 0.125);
	}
	assert_false(time_share_allows(&share, 0.1, 0.5));
	now_seconds += 1.25;
	assert_true(time_share_allows(&share, 0.1, 0.5));
}

static void in_the_long_run_it_is_the_share(void **state)
{
	static const double once[] = {0.001, 0.03, 0.4, 7};

	(void)state;
	for (size_t i = 0; i < LENGTH(once); i++) {
		struct time_share share = {0};

		now_seconds = 1000;
		/* What is begun is ended, once more than there was time for. */
		const double worked = work(&share, once[i], 1000);

		assert_true(worked > 99 - once[i]);
		assert_true(worked < 101 + 2 * once[i]);
	}
}

static void idle_time_saves_up_no_more_than_the_burst(void **state)
{
	struct time_share share = {0};

	(void)state;
	now_seconds = 1000;
	assert_true(time_share_allows(&share, 0.1, 0.5));
	now_seconds += 1e6;
	assert_true(work(&share, 0.01, 1) < 0.62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(at_first_there_is_the_burst),
	    cmocka_unit_test(in_the_long_run_it_is_the_share),
	    cmocka_unit_test(idle_time_saves_up_no_more_than_the_burst),
	};

	return cmocka_run_group_tests_name("time_share", tests, NULL, NULL);
}
