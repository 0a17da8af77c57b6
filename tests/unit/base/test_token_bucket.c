// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/token_bucket.h"

#include "fake_clock.h"
#include "unit.h"

static void assert_near(double found, double wanted)
{
	if (found < wanted - 1e-6 || found > wanted + 1e-6)
		fail_msg("found %.9g, wanted %.9g", found, wanted);
}

static void a_full_one_gives_its_size_and_then_one_each_interval(void **state)
{
	struct token_bucket bucket = {0};

	(void)state;
	now_seconds = 1000;
	for (int i = 0; i < 5; i++)
		assert_near(token_bucket_take(&bucket, 5, 2), 0);
	assert_near(token_bucket_take(&bucket, 5, 2), 2);
	now_seconds += 0.5;
	assert_near(token_bucket_take(&bucket, 5, 2), 1.5);
	now_seconds += 1.5;
	assert_near(token_bucket_take(&bucket, 5, 2), 0);
	assert_near(token_bucket_take(&bucket, 5, 2), 2);
}

static void it_never_holds_more_than_its_size(void **state)
{
	struct token_bucket bucket = {0};

	(void)state;
	now_seconds = 1000;
	for (int i = 0; i < 3; i++)
		assert_near(token_bucket_take(&bucket, 3, 1), 0);
	now_seconds += 1e6;
	for (int i = 0; i < 3; i++)
		assert_near(token_bucket_take(&bucket, 3, 1), 0);
	assert_near(token_bucket_take(&bucket, 3, 1), 1);
}

static void asking_in_vain_costs_nothing(void **state)
{
	struct token_bucket bucket = {0};

	(void)state;
	now_seconds = 1000;
	assert_near(token_bucket_take(&bucket, 1, 10), 0);
	for (int i = 0; i < 99; i++) {
		now_seconds += 0.1;
		assert_true(token_bucket_take(&bucket, 1, 10) > 0);
	}
	now_seconds += 0.11;
	assert_near(token_bucket_take(&bucket, 1, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_one_gives_its_size_and_then_one_each_interval),
	    cmocka_unit_test(it_never_holds_more_than_its_size),
	    cmocka_unit_test(asking_in_vain_costs_nothing),
	};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
