// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/descriptor_limit.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* Raises the limit in a process of its own, for the hard one can not be raised again. */
static void assert_raised(unsigned long soft, unsigned long hard, unsigned long wanted, long then)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct rlimit limit = {soft, hard};
		int wrong = setrlimit(RLIMIT_NOFILE, &limit) < 0;

		wrong |= descriptor_limit_raise(wanted) != then;
		wrong |= getrlimit(RLIMIT_NOFILE, &limit) < 0;
		wrong |= limit.rlim_cur != (rlim_t)then || limit.rlim_max != hard;
		_exit(wrong);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void the_soft_limit_is_raised_up_to_the_hard_one(void **state)
{
	(void)state;
	assert_raised(64, 1024, 500, 500);
	assert_raised(64, 1024, 1024, 1024);
	assert_raised(64, 1024, 1025, 1024);
	assert_raised(64, 64, 500, 64);
}

static void no_limit_is_lowered(void **state)
{
	(void)state;
	assert_raised(500, 1024, 500, 500);
	assert_raised(500, 1024, 64, 500);
}

static void what_fits_is_known(void **state)
{
	(void)state;
	assert_int_equal(descriptor_limit_fit(1024, 256, 160), 256);
	assert_int_equal(descriptor_limit_fit(416, 256, 160), 256);
	assert_int_equal(descriptor_limit_fit(415, 256, 160), 255);
	assert_int_equal(descriptor_limit_fit(161, 256, 160), 1);
	assert_int_equal(descriptor_limit_fit(160, 256, 160), 1);
	assert_int_equal(descriptor_limit_fit(0, 256, 160), 1);
	assert_int_equal(descriptor_limit_fit(LONG_MAX, 10000, 160), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_soft_limit_is_raised_up_to_the_hard_one),
	    cmocka_unit_test(no_limit_is_lowered),
	    cmocka_unit_test(what_fits_is_known),
	};

	return cmocka_run_group_tests_name("descriptor limit", tests, NULL, NULL);
}
