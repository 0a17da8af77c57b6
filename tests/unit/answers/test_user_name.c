// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/user_name.h"

#include <string.h>

#include "fake_names.h"
#include "unit.h"

static void assert_name(uint32_t uid, const char *wanted)
{
	char name[USER_NAME_SIZE];

	memset(name, 'x', sizeof(name));
	user_name(uid, name);
	assert_string_equal(name, wanted);
}

static void users_have_names(void **state)
{
	(void)state;
	assert_name(1000, "alice");
}

static void a_user_nobody_knows_has_none(void **state)
{
	(void)state;
	assert_name(0, "");
	assert_name(4294967295u, "");
	/* Nor one whose entry does not fit. */
	assert_name(1003, "");
}

static void a_long_name_is_cut_off(void **state)
{
	char wanted[USER_NAME_SIZE] = "";

	(void)state;
	memcpy(wanted, FAKE_LONG_NAME, sizeof(wanted) - 1);
	assert_name(1002, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(users_have_names),
	    cmocka_unit_test(a_user_nobody_knows_has_none),
	    cmocka_unit_test(a_long_name_is_cut_off),
	};

	return cmocka_run_group_tests_name("user_name", tests, NULL, NULL);
}
