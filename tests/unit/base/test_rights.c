// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/rights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define BOTH (RIGHT_BPF | RIGHT_PERFMON)

static void assert_explained(struct rights rights, uint64_t wanted, const char *expected)
{
	char text[RIGHTS_TEXT_SIZE];

	rights_explain(&rights, wanted, text);
	assert_string_equal(text, expected);
}

static void others_are_sent_to_root(void **state)
{
	(void)state;
	assert_explained((struct rights){false, true, 0}, BOTH, "run it as root");
	assert_explained((struct rights){false, false, 0}, RIGHT_SYS_ADMIN, "run it as root");
	assert_explained((struct rights){false, true, RIGHT_BPF}, BOTH,
	    "CAP_PERFMON is missing; run it as root");
}

static void root_is_told_what_it_lacks(void **state)
{
	(void)state;
	assert_explained(
	    (struct rights){true, true, 0}, BOTH, "root here lacks CAP_BPF and CAP_PERFMON");
	assert_explained((struct rights){true, true, RIGHT_PERFMON | RIGHT_SYS_ADMIN}, BOTH,
	    "root here lacks CAP_BPF");
	assert_explained((struct rights){true, true, BOTH}, RIGHT_SYS_ADMIN | RIGHT_SYS_PTRACE,
	    "root here lacks CAP_SYS_ADMIN and CAP_SYS_PTRACE");
}

static void root_of_a_user_namespace_is_told_so(void **state)
{
	(void)state;
	assert_explained((struct rights){true, false, ~0ull}, BOTH,
	    "root here is root of a user namespace alone; run it as root of the host");
}

static void who_lacks_nothing_is_told_so(void **state)
{
	(void)state;
	for (int is_root = 0; is_root < 2; is_root++)
		assert_explained((struct rights){is_root, true, BOTH}, BOTH,
		    "this process may do it, but something else refuses, such as a seccomp filter "
		    "or a "
		    "security module");
}

static void those_of_this_process_are_read(void **state)
{
	struct rights rights;

	(void)state;
	rights_read(&rights);
	assert_int_equal(rights.is_root, geteuid() == 0);
	if (geteuid() == 0)
		assert_int_not_equal(rights.has, 0);
	/* There are about 41 capabilities. */
	assert_int_equal(rights.has >> 63, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(others_are_sent_to_root),
	    cmocka_unit_test(root_is_told_what_it_lacks),
	    cmocka_unit_test(root_of_a_user_namespace_is_told_so),
	    cmocka_unit_test(who_lacks_nothing_is_told_so),
	    cmocka_unit_test(those_of_this_process_are_read),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
