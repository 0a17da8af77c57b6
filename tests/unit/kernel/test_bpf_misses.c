// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bpf_misses.h"

#include <errno.h>
#include <string.h>

#include "unit.h"
#include "workspace.h"

static struct workspace proc;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&proc);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&proc);
	return 0;
}

static void assert_misses(const char *text, uint64_t wanted)
{
	uint64_t misses = 99;

	workspace_write(&proc, "self/fdinfo/17", text);
	assert_result(bpf_misses_read(proc.path, 17, &misses), 0);
	assert_int_equal(misses, wanted);
}

static void assert_untold(const char *text)
{
	uint64_t misses;

	workspace_write(&proc, "self/fdinfo/17", text);
	assert_result(bpf_misses_read(proc.path, 17, &misses), -ENODATA);
}

#define BEFORE "pos:\t0\nflags:\t02000002\nprog_type:\t26\nrun_cnt:\t5\n"

static void they_are_read_wherever_they_stand(void **state)
{
	(void)state;
	assert_misses(BEFORE "recursion_misses:\t0\nverified_insns:\t82\n", 0);
	assert_misses(BEFORE "recursion_misses:\t13\n", 13);
	assert_misses(BEFORE "recursion_misses:\t18446744073709551615\n", UINT64_MAX);
}

static void an_older_kernel_does_not_tell(void **state)
{
	(void)state;
	assert_untold("");
	assert_untold(BEFORE);
	assert_untold(BEFORE "not_recursion_misses:\t7\n");
}

static void what_is_no_number_is_not_told(void **state)
{
	(void)state;
	assert_untold(BEFORE "recursion_misses:\t\n");
	assert_untold(BEFORE "recursion_misses:\tnone\n");
	assert_untold(BEFORE "recursion_misses:\t12x\n");
	assert_untold(BEFORE "recursion_misses:\t12");
}

static void what_is_not_there_or_too_long_fails(void **state)
{
	char text[8192];
	uint64_t misses;

	(void)state;
	assert_result(bpf_misses_read(proc.path, 18, &misses), -ENOENT);
	memset(text, '\n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	workspace_write(&proc, "self/fdinfo/18", text);
	assert_result(bpf_misses_read(proc.path, 18, &misses), -EFBIG);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(they_are_read_wherever_they_stand),
	    TEST(an_older_kernel_does_not_tell),
	    TEST(what_is_no_number_is_not_told),
	    TEST(what_is_not_there_or_too_long_fails),
	};

	return cmocka_run_group_tests_name("bpf_misses", tests, NULL, NULL);
}
